import { expect, test } from "vitest";
import { edgeGauges } from "./app-instruments.ts";
import { parseMetrics } from "./app-metrics.ts";

test("metrics are summed over their labels", () => {
  const text =
    '# HELP a_total What "a" is.\n# TYPE a_total counter\na_total{code="1 2"} 3\na_total{code="x"} 4.5\nb 1e3\n\n';
  expect(Object.fromEntries(parseMetrics(text))).toEqual({ a_total: 7.5, b: 1_000 });
});

test("a gauge an edge does not serve any more is not taken for one that is 0", () => {
  expect(() => edgeGauges(parseMetrics("holdfast_edge_connections 0\n"))).toThrow("holdfast_edge_feeds");
});
