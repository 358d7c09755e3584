import { afterAll, beforeAll, expect, test } from "vitest";
import { openOutageFixture, Outage, type OutageFixture, type OutageOptions } from "./outage.ts";

/** Short ones, one after the other; `npm run recovery` has long ones of every manner, and fills whole nodes. */
let fixture: OutageFixture;
beforeAll(async () => {
  fixture = await openOutageFixture();
});
afterAll(() => fixture.close());

async function sound(options: Omit<OutageOptions, "seconds" | "sessions">) {
  const result = await new Outage(fixture, { ...options, seconds: 6, sessions: 3 }).run();
  expect(result).toMatchObject({ violations: [], broken: [] });
  expect(result.sent).toBeGreaterThan(10);
  return result;
}

test("open-6, ack-1: Redis hangs: all that is said is durable and answered, everyone is told; an empty one in its place: all converge", async () => {
  const { sent, acked } = await sound({ name: "redis", absences: [{ server: "redis", manner: "replace" }] });
  expect(acked).toBe(sent);
});

test("ack-1, limit-1: without Temporal nothing is durable, an edge takes so much and no more, and all of it is delivered once", async () => {
  const { acked, floods } = await sound({
    name: "temporal",
    absences: [{ server: "temporal", manner: "kill" }],
    flood: { reach: "connection", seconds: 1 },
  });
  expect(acked).toBe(0);
  expect(floods.map(({ refused }) => refused > 0)).toEqual([true, true]);
});

test("ack-1, open-6: both gone and back one after the other: everything is delivered once, and all converge", async () => {
  const redis = { server: "redis", manner: "empty" } as const;
  const { acked } = await sound({ name: "both", absences: [redis, { server: "temporal", manner: "kill" }] });
  expect(acked).toBe(0);
});
