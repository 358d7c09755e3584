import { LIMITS } from "@holdfast/contract";
import { expect, test } from "vitest";
import { Backlog } from "./backlog.ts";

test("limit-1: inputs count until a turn has taken them (ack-2)", () => {
  const backlog = new Backlog();
  for (let seq = 1; seq <= LIMITS.unappliedInputs; seq++) backlog.add("p", seq, 10);
  expect(backlog.fits(1, 10)).toBe(false);
  backlog.apply({ p: 10 });
  expect(backlog.fits(10, 10)).toBe(true);
  expect(backlog.fits(11, 10)).toBe(false);
});

test("limit-1: unappliedInputBytes counts too", () => {
  const backlog = new Backlog();
  backlog.add("p", 1, LIMITS.unappliedInputBytes - 10);
  expect(backlog.fits(1, 10)).toBe(true);
  expect(backlog.fits(1, 11)).toBe(false);
});

test("an empty backlog takes anything; observes always fit", () => {
  const backlog = new Backlog();
  expect(backlog.fits(LIMITS.eventsPerSend, 10 * LIMITS.unappliedInputBytes)).toBe(true);
  for (let seq = 1; seq <= LIMITS.unappliedInputs; seq++) backlog.add("p", seq, 10);
  expect(backlog.fits(0, 0)).toBe(true);
});

test("send-7: a repeat counts once, and an applied one not at all", () => {
  const backlog = new Backlog();
  backlog.add("p", 1, 10);
  backlog.add("p", 1, 10);
  expect(backlog.inputs).toBe(1);
  backlog.apply({ p: 5 });
  backlog.add("p", 3, 10);
  expect(backlog.inputs).toBe(0);
  backlog.add("p", 6, 10);
  expect(backlog.inputs).toBe(1);
});

test("inputs that were refused after all do not count, and may be counted when they come again", () => {
  const backlog = new Backlog();
  for (const seq of [1, 2, 3]) backlog.add("p", seq, 10);
  backlog.remove("p", 2);
  expect(backlog.inputs).toBe(1);
  backlog.add("p", 2, 10);
  expect(backlog.inputs).toBe(2);
});

test("limit-1, snap-4: what no turn takes for ten minutes does not count: it was lost with its session", () => {
  let minutes = 0;
  const backlog = new Backlog(() => minutes * 60_000);
  for (let seq = 1; seq <= LIMITS.unappliedInputs; seq++) backlog.add("p", seq, 10);
  minutes = 9;
  backlog.apply({ p: 1, q: 7 });
  minutes = 18;
  backlog.apply({ q: 8 });
  expect(backlog.fits(2, 10)).toBe(false);
  minutes = 20;
  expect(backlog.fits(2, 10)).toBe(true);
  expect(backlog.inputs).toBe(0);
});

test("limit-1: an agent that was idle for long is not taken for one that is gone", () => {
  let minutes = 0;
  const backlog = new Backlog(() => minutes * 60_000);
  backlog.add("p", 1, 10);
  backlog.apply({ p: 1 });
  minutes = 30;
  for (let seq = 2; seq <= LIMITS.unappliedInputs + 1; seq++) backlog.add("p", seq, 10);
  expect(backlog.fits(1, 10)).toBe(false);
});
