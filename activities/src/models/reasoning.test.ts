import { expect, test } from "vitest";
import { ReasoningFilter } from "./reasoning.ts";

/** What a reader holds after a text that came in these pieces, and all it was shown on the way. */
function read(pieces: string[], prefix = "", opensInside = false): { held: string; shown: string; opened: boolean } {
  const filter = new ReasoningFilter(prefix, opensInside);
  let [held, shown] = [prefix, ""];
  for (const piece of [...pieces.flatMap((text) => filter.push(text)), ...filter.end()]) {
    if (piece.kind === "retract") held = "";
    if (piece.kind === "text") [held, shown] = [held + piece.text, shown + piece.text];
  }
  return { held, shown, opened: filter.openedInside };
}

const REASONED: [string, string][] = [
  ["<think>secret plan</think>The answer is 4.", "The answer is 4."],
  ["\n<think>\nsecret\n</think>\n\nThe answer is 4.\n", "The answer is 4.\n"],
  ["<thinking>secret</thinking> The answer", "The answer"],
  ["<Think>secret</THINK>The answer", "The answer"],
  ["<reasoning>secret</reasoning>The answer", "The answer"],
  ["[THINK]secret[/THINK]The answer", "The answer"],
  ["◁think▷secret◁/think▷The answer", "The answer"],
  ["<seed:think>secret</seed:think>The answer", "The answer"],
  ["<think></think><think>secret</think>The answer", "The answer"],
  [
    "<think>\n\n</think>\n\nUse <think> as a tag, and </think> to close it.",
    "Use <think> as a tag, and </think> to close it.",
  ],
  ["</think>\n\nThe answer", "The answer"],
  ["<think>secret that never ends", ""],
  [
    "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>The answer<|return|>",
    "The answer",
  ],
  ["<|channel|>final<|message|>The answer", "The answer"],
  ["analysisWe need secret.assistantfinalThe answer", "The answer"],
  ["<|channel>thought\nsecret<channel|>The answer", "The answer"],
];
test.for(REASONED)("reasoning is not shown, however it is cut: %j", ([text, answer]) => {
  for (const pieces of [[text], text.split(""), text.split(/(?<=[<>|])/)]) {
    const { held, shown } = read(pieces);
    expect(held).toBe(answer);
    expect(shown).toBe(answer);
  }
});

test.for<[string, string]>([
  ["secret plan</think>The answer is 4.", "The answer is 4."],
  ["Okay, the user asks.\n</think>\n\nThe answer", "The answer"],
  ["secret<|end|><|start|>assistant<|channel|>final<|message|>The answer<|return|>", "The answer"],
])("reasoning that the model's template began is taken back once its end comes: %j", ([text, answer]) => {
  for (const pieces of [[text], text.split("")]) {
    expect(read(pieces)).toMatchObject({ held: answer, opened: true });
    // The next answer of that model is held from the beginning.
    expect(read(pieces, "", true)).toEqual({ held: answer, shown: answer, opened: true });
  }
});

test("a model that is said to begin inside its reasoning and does not loses nothing", () => {
  expect(read(["A plain ", "answer"], "", true)).toEqual({
    held: "A plain answer",
    shown: "A plain answer",
    opened: false,
  });
});

test.for([
  "Models write <think>like this</think> before they answer.",
  "Use `</think>` to close.",
  "```\nplan</think>\n```\nThat is how.",
  'It ends at "</think>" as you see.',
  "  Leading white space stays",
  "analysis of the text",
  "Analysis: fine",
  "<thin line",
  "<",
  "a < b and [think about it]",
  "<|return|> is a token",
  "İstanbul</b>",
])("what an answer only mentions stays: %j", (text) => {
  for (const pieces of [[text], text.split("")])
    expect(read(pieces)).toEqual({ held: text, shown: text, opened: false });
});

test("what follows a beginning that readers hold is in the middle of the answer", () => {
  expect(read(["<think> and </think>", " stay"], "Tags like ").held).toBe("Tags like <think> and </think> stay");
  expect(read(["` it</think>"], "In `code").held).toBe("");
});
