import { expect, test } from "vitest";
import type { TrialFigures } from "../load/trial.ts";
import { Recorder } from "../measure/recorder.ts";
import { ratios, summarize } from "./report.ts";

function figures(turns: number, milliseconds: number): TrialFigures {
  const recorder = new Recorder();
  const intendedAt = performance.now() - milliseconds;
  recorder.final({ seq: 1, kind: "input", intendedAt, counted: true });
  recorder.durable({ seq: 2, kind: "observe", intendedAt: 0, counted: false });
  const window = {
    seconds: 10,
    offered: turns,
    durable: turns,
    turns,
    machineCpuSeconds: 5,
    cpuSeconds: { edge: 1 },
    rssBytes: {},
    persistence: { UpdateWorkflowExecution: 0 },
  };
  return { latency: recorder.latencies(), windows: [window], processes: [], notes: {}, faults: [] };
}

test("rates are given per second and per day; events of the warm-up are in no latency", () => {
  const summary = summarize(figures(1_160, 50));
  expect(summary.durablePerSecond).toBe(116);
  expect(summary.durablePerDay).toBe(10_022_400);
  expect(summary.latency.eventToFinal.count).toBe(1);
  expect(summary.latency.eventToDurable.count).toBe(0);
});

test("a ratio is Holdfast's figure over the other's, and null where there is nothing to divide by", () => {
  const compared = ratios(summarize(figures(500, 40)), summarize(figures(1_000, 20)));
  expect(compared.turnsPerSecond).toBe(0.5);
  expect(compared.cpuPerTurn).toBe(2);
  expect(compared.eventToFinalP50).toBeGreaterThan(1);
  expect(compared.eventToDurableP50).toBeNull();
  expect(compared.transactionsPerTurn).toBeNull();
});
