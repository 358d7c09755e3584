import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { promptOf } from "./prompt.ts";

const turnOf = (turn: number, text: string): Turn => ({
  turn,
  inputs: [{ producer: "p", seq: turn, text: `say ${turn}` }],
  outcome: text === "" ? "interrupted" : "completed",
  text,
});

test("an input whose turn was cut short before its first word is asked again with the next", () => {
  const input = { producer: "p", seq: 4, text: "say 4" };
  expect(promptOf([turnOf(1, "yes"), turnOf(2, ""), turnOf(3, "")], [input])).toBe("say 2\n\nsay 3\n\nsay 4");
  expect(promptOf([turnOf(2, ""), turnOf(3, "yes")], [input])).toBe("say 4");
  expect(promptOf([], [input])).toBe("say 4");
});
