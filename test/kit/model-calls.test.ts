import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { conversationOf, promptOf } from "./model-calls.ts";
import { inputOf, turnOf } from "./sound-history.ts";

const endedTurn = (turn: number, text: string): Turn => ({
  ...turnOf(turn, [inputOf(turn)], text),
  ...(text === "" && { outcome: "interrupted", finish: "interrupted" }),
});

test("an input whose turn was cut short before its first word is asked again with the next", () => {
  const input = inputOf(4);
  expect(promptOf([endedTurn(1, "yes"), endedTurn(2, ""), endedTurn(3, "")], [input])).toBe("say 2\n\nsay 3\n\nsay 4");
  expect(promptOf([endedTurn(2, ""), endedTurn(3, "yes")], [input])).toBe("say 4");
  expect(promptOf([], [input])).toBe("say 4");
});

test("roles alternate, and twenty turns stand before the question", () => {
  const turns = Array.from({ length: 25 }, (_, index) =>
    endedTurn(index + 1, index === 10 ? "" : `answer ${index + 1}`),
  );
  const messages = conversationOf(turns, [inputOf(26)]);
  expect(messages[0]).toEqual({ role: "user", content: "say 6" });
  expect(messages.map(({ role }) => role)).toEqual(
    messages.map((_, index) => (index % 2 === 0 ? "user" : "assistant")),
  );
  expect(messages.map(({ content }) => content)).toContain("say 11\n\nsay 12");
  expect(messages.at(-1)).toEqual({ role: "user", content: "say 26" });
});
