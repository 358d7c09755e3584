import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { SentEvent } from "../kit/history.ts";
import { Ledger } from "./ledger.ts";

const answer = (text: string): string => `${text}!`;
const turn = (number: number, seq: number, text = `say ${seq}`, producer = "p"): Turn => ({
  turn: number,
  origin: "user",
  inputs: [{ by: "ann", producer, seq, origin: "user", at: 0, text }],
  steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text: answer(text) }] }],
  outcome: "completed",
  finish: "stop",
});
const event = (seq: number, durable: boolean, kind: SentEvent["kind"] = "input"): SentEvent => {
  return { session: "s", producer: "p", seq, kind, text: `say ${seq}`, at: 0, durable };
};
const SAID = [event(1, true), event(2, true), event(3, true)];

/** Producer `p` has said 1, 2 and 3, all durable. */
function threeSaid(): Ledger {
  const ledger = new Ledger(answer);
  for (const said of SAID) {
    ledger.sent(said);
    ledger.durable(said);
  }
  return ledger;
}

test("turn-1: every durable input in one turn, in order, breaks nothing and leaves nothing", () => {
  const ledger = threeSaid();
  ledger.committed("s", [turn(1, 1), turn(2, 2)]);
  expect(ledger).toMatchObject({ violations: [], owed: ["s p#3"] });
  ledger.committed("s", [turn(2, 2), turn(3, 3)]);
  ledger.checkNumbers(SAID);
  expect(ledger).toMatchObject({ violations: [], owed: [], turns: 3, acked: 3 });
});

/** What the ledger says of these turns. */
function broken(...turns: Turn[]): string[] {
  const ledger = threeSaid();
  ledger.committed("s", turns);
  return ledger.violations;
}
const passedOver = "s turn 2 passed over p#2, which was durable";
const again = (number: number, seq: number): string =>
  `s turn ${number} took p#${seq}, which nobody said or a turn had taken`;

test("ack-1, send-4: what was durable and was passed over is lost, and comes too late after that", () => {
  expect(broken(turn(1, 1), turn(2, 3))).toEqual([passedOver]);
  expect(broken(turn(1, 1), turn(2, 3), turn(3, 2))).toEqual([passedOver, again(3, 2)]);
});

test("turn-1: an input in two turns is found, also when nothing of its producer is open", () => {
  const found = broken(turn(1, 1), turn(2, 2), turn(3, 2), turn(4, 3), turn(5, 3));
  expect(found).toEqual([again(3, 2), again(5, 3)]);
});

test("turn-4, turn-5: a wrong text, a failed turn and a missing one are found", () => {
  const wrong: Turn = { ...turn(1, 1), steps: [{ step: 1, attempt: 1, parts: [{ type: "text", text: "say" }] }] };
  const error = { code: "turn_deadline", message: "" };
  const found = broken(wrong, { ...turn(3, 2), outcome: "failed", finish: "error", error });
  const missing = ["s turn 3 follows turn 1", "s turn 3 failed: turn_deadline"];
  expect(found).toEqual(['s turn 1 (completed) says "say"', ...missing]);
});

test("send-4: a number that was given twice is found", () => {
  const ledger = threeSaid();
  ledger.checkNumbers([...SAID, event(3, false)]);
  expect(ledger.violations).toEqual(["s p#3 is not the only event of its number"]);
});

test("an input nobody was told is durable may be missing", () => {
  const ledger = threeSaid();
  ledger.sent(event(4, false));
  ledger.committed("s", [turn(1, 1), turn(2, 2), turn(3, 3)]);
  expect(ledger).toMatchObject({ violations: [], owed: [] });
});

test("send-3: observes are counted once each", () => {
  const ledger = threeSaid();
  for (const seq of [4, 5, 6, 7]) ledger.sent(event(seq, seq < 7, "observe"));
  for (const seq of [4, 5, 6]) ledger.durable(event(seq, true, "observe"));
  for (const applied of [3, 4]) ledger.checkObserves("s", applied);
  expect(ledger.violations).toEqual([]);
  for (const applied of [2, 5]) ledger.checkObserves("s", applied);
  expect(ledger.violations).toHaveLength(2);
});
