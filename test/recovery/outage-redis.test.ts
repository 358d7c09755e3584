import { afterAll, beforeAll, expect, test } from "vitest";
import { openOutageArena, type OutageArena } from "./outage-arena.ts";
import { runOutage } from "./outage-run.ts";

let arena: OutageArena;
beforeAll(async () => {
  arena = await openOutageArena();
});
afterAll(() => arena.close());

/** Short ones; `npm run recovery -- redis-outage` has them last. */
test.each(["hang", "empty"] as const)(
  "open-6, ack-1: without Redis (%s) all that is said is durable and answered, everyone is told, and all converge when it is back",
  async (manner) => {
    const plan = { name: manner, absences: [{ server: "redis", manner }], seconds: 6, sessions: 3 } as const;
    const { violations, broken, sent, acked } = await runOutage(arena, plan);
    expect({ violations, broken }).toEqual({ violations: [], broken: [] });
    expect(acked).toBe(sent);
    expect(sent).toBeGreaterThan(10);
  },
);
