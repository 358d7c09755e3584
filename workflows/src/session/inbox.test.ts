import { expect, test } from "vitest";
import { Commands } from "./commands.ts";
import { Inbox } from "./inbox.ts";

const input = (seq: number) => ({ by: "ann", producer: "p", seq, text: "hi" });

test("send-2: inputs are taken in their order, also across a carry", () => {
  let inbox = new Inbox();
  for (let seq = 1; seq <= 10; seq++) inbox.add(input(seq));
  const taken = [inbox.take(), inbox.take(), inbox.take()];
  inbox = new Inbox(inbox.toCarry());
  inbox.add(input(11));
  expect(inbox.size).toBe(8);
  for (let next = inbox.take(); next !== undefined; next = inbox.take()) taken.push(next);
  expect(taken.map((next) => next?.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(inbox.size).toBe(0);
});

const ann = (id: string) => ({ by: "ann", id });

test("command-1: the last 128 answers are remembered, also across a carry", () => {
  const commands = new Commands();
  for (let i = 0; i < 130; i++) commands.remember(ann(`c${i}`), { turn: i });
  const after = new Commands(JSON.parse(JSON.stringify(commands.toCarry())));
  expect(after.answer(ann("c1"))).toBeUndefined();
  expect(after.answer(ann("c2"))).toEqual({ turn: 2 });
  expect(after.answer(ann("c129"))).toEqual({ turn: 129 });
});

test("command-1: nobody is answered with another's command, or forgotten for its sake", () => {
  const commands = new Commands();
  commands.remember(ann("c"), { turn: 1 });
  for (let i = 0; i < 1_000; i++) commands.remember({ by: "guest", id: `c${i}` }, { turn: null });
  expect(commands.answer(ann("c"))).toEqual({ turn: 1 });
  expect(commands.answer({ by: "guest", id: "c" })).toBeUndefined();
});
