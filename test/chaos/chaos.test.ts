import { afterAll, expect, test } from "vitest";
import { vacuity } from "../kit/report.ts";
import { type Fault, FAULT_NAMES, type FixtureKind, fixtureOf, scheduleOf } from "./faults.ts";
import { type ChaosFixture, openFixture } from "./fixtures.ts";
import { run } from "./strikes.ts";

test("the same seed gives the same schedule, another seed another one", () => {
  expect(scheduleOf(7, 60_000, FAULT_NAMES)).toEqual(scheduleOf(7, 60_000, FAULT_NAMES));
  expect(scheduleOf(7, 60_000, FAULT_NAMES)).not.toEqual(scheduleOf(8, 60_000, FAULT_NAMES));
});

test("no fault strikes a second time before each has struck once", () => {
  const strikes = scheduleOf(7, 60_000, ["edge-kill", "link-cut", "deploy"]).map(({ fault }) => fault);
  for (let begin = 0; begin + 3 <= strikes.length; begin += 3)
    expect(new Set(strikes.slice(begin, begin + 3)).size).toBe(3);
});

const fixtures = new Map<FixtureKind, Promise<ChaosFixture>>();
const fixture = (kind: FixtureKind): Promise<ChaosFixture> => {
  const opened = fixtures.get(kind) ?? openFixture(kind);
  fixtures.set(kind, opened);
  return opened;
};
afterAll(async () => {
  for (const opened of fixtures.values()) await (await opened).close();
});

/** A sample for every change; `npm run chaos -- --all --runs 20` is the whole of it. */
test.for<[what: string, seed: number, seconds: number, ...faults: Fault[]]>([
  ["processes", 15, 7, "edge-kill", "inference-kill", "orchestrator-kill", "edge-pause"],
  ["servers", 34, 6, "valkey-kill-flush", "temporal-kill", "valkey-pause"],
  ["Temporal's database", 36, 8, "temporal-db-locked"],
  ["links and the model", 15, 7, "link-half-open", "link-unplugged", "model-cut", "model-429"],
  ["bounds", 46, 4, "signal-flood", "tab-asleep"],
  ["clocks", 13, 4, "clock-step", "valkey-kill"],
])(
  "nothing is lost, repeated, garbled or left hanging while faults strike %s",
  async ([, seed, seconds, ...faults]) => {
    const plan = { name: `${faults[0]}-${seed}`, seed, durationMs: seconds * 1_000, clients: 4, faults };
    const result = await run(await fixture(fixtureOf(faults)), plan);
    expect(result.violations).toEqual([]);
    expect(new Set(result.strikes.map(({ fault }) => fault))).toEqual(new Set(faults));
    expect(vacuity([result])).toBeUndefined();
    expect(result.acked).toBeGreaterThan(10);
    if (faults.includes("signal-flood")) expect(result.continued).toBeGreaterThan(0);
  },
);
