import { afterAll, beforeAll, expect, test } from "vitest";
import { openOutageFixture, type OutageFixture, runOutage } from "./outage.ts";

let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture();
});
afterAll(() => fixture.close());

/** A short one; `npm run recovery -- redis-outage` has long ones, of every manner. */
test("open-6, ack-1: Redis hangs: all that is said is durable and answered, everyone is told; an empty one in its place: all converge", async () => {
  const { violations, broken, sent, acked } = await runOutage(fixture, {
    name: "redis",
    absences: [{ server: "redis", manner: "replace" }],
    seconds: 6,
    sessions: 3,
  });
  expect({ violations, broken }).toEqual({ violations: [], broken: [] });
  expect(acked).toBe(sent);
  expect(sent).toBeGreaterThan(10);
});
