import { expect, test } from "vitest";
import { run } from "./run.ts";
import { FAULTS, scheduleOf } from "./schedule.ts";

test("the same seed gives the same schedule, another seed another one", () => {
  expect(scheduleOf(7, 60_000, FAULTS)).toEqual(scheduleOf(7, 60_000, FAULTS));
  expect(scheduleOf(7, 60_000, FAULTS)).not.toEqual(scheduleOf(8, 60_000, FAULTS));
});

/** A sample for every change; `npm run chaos -- --all --runs 20` is the whole of it. */
test.each([
  ["processes and the network", 3, ["edge-kill", "inference-kill", "orchestrator-kill", "network-freeze"]],
  ["servers and the model", 4, ["valkey-kill-flush", "temporal-kill", "valkey-pause", "model-cut"]],
] as const)(
  "nothing is lost, repeated, garbled or left hanging while faults strike %s",
  async (_what, seed, faults) => {
    const { violations, acked } = await run({ seed, durationMs: 8_000, clients: 4, faults });
    expect(violations).toEqual([]);
    expect(acked).toBeGreaterThan(10);
  },
);
