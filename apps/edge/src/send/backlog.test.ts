import { LIMITS } from "@holdfast/contract";
import { expect, test } from "vitest";
import { Backlog, type Unapplied } from "./backlog.ts";

/** Of a producer nobody else in a test is: all of them new. */
function fresh(count: number, bytes: number): Unapplied[] {
  return Array.from({ length: count }, (_, index) => ({ seq: index + 1, bytes }));
}

test("limit-1: inputs count until a turn has taken them (ack-2)", () => {
  const backlog = new Backlog();
  for (let seq = 1; seq <= LIMITS.unappliedInputs; seq++) backlog.add("p", { seq, bytes: 10 });
  expect(backlog.exceeds("new", fresh(1, 10))).toBe("unappliedInputs");
  backlog.apply({ p: 10 });
  expect(backlog.exceeds("new", fresh(10, 10))).toBeUndefined();
  expect(backlog.exceeds("new", fresh(11, 10))).toBe("unappliedInputs");
});

test("limit-1: unappliedInputBytes counts too", () => {
  const backlog = new Backlog();
  backlog.add("p", { seq: 1, bytes: LIMITS.unappliedInputBytes - 10 });
  expect(backlog.exceeds("new", fresh(1, 10))).toBeUndefined();
  expect(backlog.exceeds("new", fresh(1, 11))).toBe("unappliedInputBytes");
});

test("an empty backlog takes anything; observes always fit", () => {
  const backlog = new Backlog();
  expect(backlog.exceeds("new", fresh(LIMITS.eventsPerSend, LIMITS.unappliedInputBytes))).toBeUndefined();
  for (let seq = 1; seq <= LIMITS.unappliedInputs; seq++) backlog.add("p", { seq, bytes: 10 });
  expect(backlog.exceeds("new", [])).toBeUndefined();
});

test("send-7: a repeat counts once, and an applied one not at all", () => {
  const backlog = new Backlog();
  backlog.add("p", { seq: 1, bytes: 10 });
  backlog.add("p", { seq: 1, bytes: 10 });
  expect(backlog.inputs).toBe(1);
  backlog.apply({ p: 5 });
  backlog.add("p", { seq: 3, bytes: 10 });
  expect(backlog.inputs).toBe(0);
  backlog.add("p", { seq: 6, bytes: 10 });
  expect(backlog.inputs).toBe(1);
});

test("send-7, limit-1: what is sent again because its answer was lost finds no limit; what is new behind it does", () => {
  const backlog = new Backlog();
  const sent = fresh(LIMITS.unappliedInputs, 10);
  for (const input of sent) backlog.add("p", input);
  backlog.apply({ p: 1 });
  expect(backlog.exceeds("p", sent)).toBeUndefined();
  const next = { seq: LIMITS.unappliedInputs + 1, bytes: 10 };
  expect(backlog.exceeds("p", [...sent, next])).toBeUndefined();
  expect(backlog.exceeds("p", [...sent, next, { seq: next.seq + 1, bytes: 10 }])).toBe("unappliedInputs");
});

test("inputs that were refused after all do not count, and may be counted when they come again", () => {
  const backlog = new Backlog();
  for (const seq of [1, 2, 3]) backlog.add("p", { seq, bytes: 10 });
  backlog.remove("p", 2);
  expect(backlog.inputs).toBe(1);
  backlog.add("p", { seq: 2, bytes: 10 });
  expect(backlog.inputs).toBe(2);
});

test("limit-1, snap-4: what no turn takes for ten minutes does not count: it was lost with its session", () => {
  let minutes = 0;
  const backlog = new Backlog(() => minutes * 60_000);
  for (let seq = 1; seq <= LIMITS.unappliedInputs; seq++) backlog.add("p", { seq, bytes: 10 });
  minutes = 9;
  backlog.apply({ p: 1, q: 7 });
  minutes = 18;
  backlog.apply({ q: 8 });
  expect(backlog.exceeds("new", fresh(2, 10))).toBe("unappliedInputs");
  minutes = 20;
  expect(backlog.exceeds("new", fresh(2, 10))).toBeUndefined();
  expect(backlog.inputs).toBe(0);
});

test("limit-1: an agent that was idle for long is not taken for one that is gone", () => {
  let minutes = 0;
  const backlog = new Backlog(() => minutes * 60_000);
  backlog.add("p", { seq: 1, bytes: 10 });
  backlog.apply({ p: 1 });
  minutes = 30;
  for (let seq = 2; seq <= LIMITS.unappliedInputs + 1; seq++) backlog.add("p", { seq, bytes: 10 });
  expect(backlog.exceeds("new", fresh(1, 10))).toBe("unappliedInputs");
});

test("limit-4: guests fill half of the room, with however many producers, and the owner has the other half", () => {
  const backlog = new Backlog();
  const half = LIMITS.unappliedInputs / 2;
  const guest = { bytes: 10, isGuest: true };
  expect(backlog.exceeds("g", [{ seq: 1, ...guest }])).toBeUndefined();
  for (let at = 1; at <= half; at++) backlog.add(`g${at}`, { seq: 1, ...guest });
  expect(backlog.exceeds("another", [{ seq: 1, ...guest }])).toBe("unappliedInputs");
  expect(backlog.exceeds("o", fresh(1, 10))).toBeUndefined();
  for (let seq = 1; seq <= half; seq++) backlog.add("o", { seq, bytes: 10 });
  expect(backlog.exceeds("new", fresh(1, 10))).toBe("unappliedInputs");
  backlog.apply({ g1: 1 });
  expect(backlog.exceeds("another", [{ seq: 1, ...guest }])).toBeUndefined();
});

test("limit-4: a guest's one large send does not take the owner's room", () => {
  const backlog = new Backlog();
  const bytes = LIMITS.unappliedInputBytes / LIMITS.eventsPerSend;
  for (let seq = 1; seq <= LIMITS.eventsPerSend; seq++) backlog.add("g", { seq, bytes, isGuest: true });
  backlog.add("o", { seq: 1, bytes: 10 });
  expect(backlog.exceeds("new", fresh(LIMITS.unappliedInputs / 2 - 1, 10))).toBeUndefined();
});
