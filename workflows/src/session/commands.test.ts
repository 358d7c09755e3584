import { expect, test } from "vitest";
import { CommandAnswers } from "./commands.ts";

const ann = (id: string) => ({ by: "ann", id });

test("command-1: the last 128 answers are remembered, also across continue-as-new", () => {
  const commands = new CommandAnswers();
  for (let i = 0; i < 130; i++) commands.remember(ann(`c${i}`), { turn: i });
  const after = new CommandAnswers(JSON.parse(JSON.stringify(commands.all)));
  expect(after.find(ann("c1"))).toBeUndefined();
  expect(after.find(ann("c2"))).toEqual({ turn: 2 });
  expect(after.find(ann("c129"))).toEqual({ turn: 129 });
});

test("command-1: nobody is answered with another's command, or forgotten for its sake", () => {
  const commands = new CommandAnswers();
  commands.remember(ann("c"), { turn: 1 });
  for (let i = 0; i < 1_000; i++) commands.remember({ by: "guest", id: `c${i}` }, { turn: null });
  expect(commands.find(ann("c"))).toEqual({ turn: 1 });
  expect(commands.find({ by: "guest", id: "c" })).toBeUndefined();
});
