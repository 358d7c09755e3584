import { afterAll, beforeAll, expect, test } from "vitest";
import { openOutageFixture, type OutageFixture, runOutage } from "./outage.ts";

let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture();
});
afterAll(() => fixture.close());

/** A short one; `npm run recovery -- temporal-outage` has long ones, and fills whole nodes. */
test("ack-1, limit-1: without Temporal nothing is durable, an edge takes so much and no more, and all of it is delivered once", async () => {
  const { violations, broken, sent, acked, floods } = await runOutage(fixture, {
    name: "temporal",
    absences: [{ server: "temporal", manner: "kill" }],
    seconds: 6,
    sessions: 3,
    flood: { reach: "connection", seconds: 1 },
  });
  expect({ violations, broken }).toEqual({ violations: [], broken: [] });
  expect(acked).toBe(0);
  expect(sent).toBeGreaterThan(10);
  expect(floods.map(({ refused }) => refused > 0)).toEqual([true, true]);
});
