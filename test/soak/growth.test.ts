import { expect, test } from "vitest";
import { randomFrom } from "../kit/statistics.ts";
import { judge, type MeasureName, type Series } from "./growth.ts";

const SAMPLES = 120;
const CONNECTIONS_PER_SAMPLE = 50;

/** Ten minutes of samples, each at `value(connections made so far, noise from -1 to 1)`. */
function series(measure: MeasureName, value: (connections: number, noise: number) => number): Series {
  const random = randomFrom(1);
  const points = Array.from({ length: SAMPLES }, (_, index) => {
    const connections = index * CONNECTIONS_PER_SAMPLE;
    return { atMs: index * 5_000, connections, turns: connections, value: value(connections, 2 * random() - 1) };
  });
  return { process: "edge-1", measure, points };
}

test("a level that only goes up and down is flat", () => {
  const judgement = judge(series("feeds", (_, noise) => 20 + 8 * noise));
  expect(judgement.verdict).toBe("flat");
  expect(judgement.low).toBeLessThan(0);
});

test("a map entry kept for every connection is a leak, under noise a hundred times its size", () => {
  const judgement = judge(series("kept heap", (connections, noise) => 60 + 0.0006 * connections + noise * 0.06));
  expect(judgement.verdict).toBe("leak");
  expect(judgement.perThousand).toBeCloseTo(0.6, 1);
  expect(judgement.perHour).toBeCloseTo(0.6 * ((CONNECTIONS_PER_SAMPLE * 720) / 1_000), 0);
});

test("a subscription kept by one departure in ten is a leak", () => {
  expect(judge(series("subscriptions", (connections, noise) => 10 + 0.1 * connections + 5 * noise)).verdict).toBe(
    "leak",
  );
});

test("what fills in the first third and then stays is flat", () => {
  expect(judge(series("kept heap", (connections) => Math.min(90, 40 + 0.03 * connections))).verdict).toBe("flat");
});

test("what is collected late is judged by what is left after it", () => {
  const sawtooth = judge(series("kept heap", (connections) => 60 + ((connections / CONNECTIONS_PER_SAMPLE) % 3) * 10));
  expect(sawtooth).toMatchObject({ verdict: "flat", before: 60, after: 60 });
});

test("growth beyond the bound that may be chance is told apart from a leak", () => {
  const { verdict, low, perThousand } = judge(
    series("handles", (connections, noise) => 0.004 * connections + 20 * noise),
  );
  expect(perThousand).toBeGreaterThan(2);
  expect(low).toBeLessThan(2);
  expect(verdict).toBe("unsure");
});

test("a run too short to tell is not called flat", () => {
  const { points, ...rest } = series("handles", (connections) => connections);
  expect(judge({ ...rest, points: points.slice(0, 9) }).verdict).toBe("unsure");
  expect(judge({ ...rest, points: points.slice(0, 50) }).verdict).toBe("unsure");
  expect(judge({ ...rest, points }).verdict).toBe("leak");
});

test("what has no bound is shown and not judged", () => {
  expect(judge(series("resident memory with data", (connections) => connections)).verdict).toBe("shown");
});
