import { afterAll, expect, test } from "vitest";
import { type Arena, openArena } from "./arena.ts";
import { arenaOf, type ArenaKind, type Fault, FAULT_NAMES } from "./faults.ts";
import { run } from "./run.ts";
import { scheduleOf } from "./schedule.ts";

test("the same seed gives the same schedule, another seed another one", () => {
  expect(scheduleOf(7, 60_000, FAULT_NAMES)).toEqual(scheduleOf(7, 60_000, FAULT_NAMES));
  expect(scheduleOf(7, 60_000, FAULT_NAMES)).not.toEqual(scheduleOf(8, 60_000, FAULT_NAMES));
});

const arenas = new Map<ArenaKind, Promise<Arena>>();
const arena = (kind: ArenaKind): Promise<Arena> => {
  const opened = arenas.get(kind) ?? openArena(kind);
  arenas.set(kind, opened);
  return opened;
};
afterAll(async () => {
  for (const opened of arenas.values()) await (await opened).close();
});

/** A sample for every change; `npm run chaos -- --all --runs 20` is the whole of it. */
test.for<{ strike: string; seed: number; faults: Fault[] }>([
  { strike: "processes", seed: 3, faults: ["edge-kill", "inference-kill", "orchestrator-kill", "edge-pause"] },
  { strike: "servers", seed: 4, faults: ["valkey-kill-flush", "temporal-kill", "valkey-pause"] },
  { strike: "links and the model", seed: 5, faults: ["link-half-open", "link-unplugged", "model-cut", "model-429"] },
  { strike: "bounds", seed: 6, faults: ["signal-flood", "tab-asleep"] },
  { strike: "clocks", seed: 7, faults: ["clock-step", "valkey-kill"] },
])("nothing is lost, repeated, garbled or left hanging while faults strike $strike", async ({ seed, faults }) => {
  const field = await arena(arenaOf(faults));
  const { violations, acked, continued } = await run(field, { seed, durationMs: 6_000, clients: 4, faults });
  expect(violations).toEqual([]);
  expect(acked).toBeGreaterThan(10);
  if (faults.includes("signal-flood")) expect(continued).toBeGreaterThan(0);
});
