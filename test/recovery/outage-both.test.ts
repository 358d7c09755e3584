import { afterAll, beforeAll, expect, test } from "vitest";
import { openOutageFixture, type OutageFixture, runOutage } from "./outage.ts";

let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture();
});
afterAll(() => fixture.close());

/** A short one; `npm run recovery -- both-outage` has long ones, in either order. */
test("ack-1, open-6: both gone and back one after the other: everything is delivered once, and all converge", async () => {
  const { violations, broken, sent, acked } = await runOutage(fixture, {
    name: "both",
    absences: [
      { server: "redis", manner: "empty" },
      { server: "temporal", manner: "kill" },
    ],
    seconds: 6,
    sessions: 3,
  });
  expect({ violations, broken }).toEqual({ violations: [], broken: [] });
  expect(acked).toBe(0);
  expect(sent).toBeGreaterThan(10);
});
