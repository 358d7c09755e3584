import { expect, test } from "vitest";
import { edgeGauges } from "../soak/instruments.ts";
import { parseSamples, sumOf, valueOf } from "./metrics.ts";

test("metrics are summed over their labels", () => {
  const text =
    '# HELP a_total What "a" is.\n# TYPE a_total counter\na_total{code="1 2"} 3\na_total{code="x"} 4.5\nb 1e3\n\n';
  const samples = parseSamples(text);
  expect([sumOf(samples, "a_total"), sumOf(samples, "a_total", 'code="x"'), sumOf(samples, "b")]).toEqual([
    7.5, 4.5, 1_000,
  ]);
  expect([sumOf(samples, "a"), valueOf(samples, "a")]).toEqual([0, undefined]);
});

test("a gauge an edge does not serve any more is not taken for one that is 0", () => {
  expect(() => edgeGauges(parseSamples("holdfast_edge_connections 0\n"))).toThrow("holdfast_edge_feeds");
});
