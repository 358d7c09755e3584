import { expect, test } from "vitest";
import { ReasoningFilter } from "./reasoning.ts";

interface Read {
  /** The answer that a reader holds in the end, and all that it was shown as one on the way. */
  held: string;
  shown: string;
  /** The reasoning that a reader holds in the end. */
  thought: string;
  opened: boolean;
}

/** What comes of a text in these pieces. */
function read(pieces: string[], prefix = "", opensInside = false): Read {
  const filter = new ReasoningFilter(prefix, opensInside);
  let [held, shown, thought] = [prefix, "", ""];
  for (const piece of [...pieces.flatMap((text) => filter.push(text)), ...filter.end()]) {
    if (piece.kind === "text") [held, shown] = [held + piece.text, shown + piece.text];
    if (piece.kind === "reasoning") thought += piece.text;
    if (piece.kind !== "reclassify") continue;
    if (piece.as === "text") [held, shown, thought] = [piece.text, piece.text, ""];
    else [held, thought] = ["", piece.text];
  }
  return { held, shown, thought, opened: filter.openedInside };
}

const REASONED: [string, string, string?][] = [
  ["<think>secret plan</think>The answer is 4.", "The answer is 4.", "secret plan"],
  ["\n<think>\nsecret\n</think>\n\nThe answer is 4.\n", "The answer is 4.\n"],
  ["<thinking>secret</thinking> The answer", "The answer"],
  ["<Think>secret</THINK>The answer", "The answer"],
  ["<reasoning>secret</reasoning>The answer", "The answer"],
  ["[THINK]secret[/THINK]The answer", "The answer"],
  ["◁think▷secret◁/think▷The answer", "The answer"],
  ["<seed:think>secret</seed:think>The answer", "The answer"],
  ["<think></think><think>secret</think>The answer", "The answer"],
  ["<think>one </think><think> two</think>The answer", "The answer", "one\n\ntwo"],
  [
    "<think>\n\n</think>\n\nUse <think> as a tag, and </think> to close it.",
    "Use <think> as a tag, and </think> to close it.",
    "",
  ],
  ["</think>\n\nThe answer", "The answer", ""],
  ["<think>secret that never ends", "", "secret that never ends"],
  ["<think>a < b, a <b", "", "a < b, a <b"],
  [
    "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>The answer<|return|>",
    "The answer",
  ],
  [
    "<|channel|>analysis<|message|>one<|end|><|start|>assistant<|channel|>commentary<|message|>two<|end|><|start|>assistant<|channel|>final<|message|>The answer",
    "The answer",
    "one\ntwo",
  ],
  ["<|channel|>final<|message|>The answer", "The answer", ""],
  ["analysisWe need secret.assistantfinalThe answer", "The answer", "We need secret."],
  ["<|channel>thought\nsecret<channel|>The answer", "The answer"],
];
test.for(REASONED)(
  "reasoning is told apart, without its marks, and not shown as an answer, however it is cut: %j",
  ([text, answer, thought = "secret"]) => {
    for (const pieces of [[text], text.split(""), text.split(/(?<=[<>|])/)]) {
      expect(read(pieces)).toMatchObject({ held: answer, shown: answer, thought });
    }
  },
);

test.for<[string, string, string]>([
  ["secret plan</think>The answer is 4.", "The answer is 4.", "secret plan"],
  ["Okay, the user asks.\n</think>\n\nThe answer", "The answer", "Okay, the user asks."],
  ["secret<|end|><|start|>assistant<|channel|>final<|message|>The answer<|return|>", "The answer", "secret"],
])("text before an end of reasoning that the model's template began was reasoning: %j", ([text, answer, thought]) => {
  for (const pieces of [[text], text.split("")]) {
    expect(read(pieces)).toMatchObject({ held: answer, thought, opened: true });
    // The next answer of that model is taken for reasoning from the beginning.
    expect(read(pieces, "", true)).toEqual({ held: answer, shown: answer, thought, opened: true });
  }
});

test("reasoning is told while it comes, whoever marks it", () => {
  for (const [text, opensInside] of [["<think>one two three", false] as const, ["one two three", true] as const]) {
    const filter = new ReasoningFilter("", opensInside);
    const pieces = text.split(/(?= )/).flatMap((piece) => filter.push(piece));
    expect(pieces.map((piece) => "text" in piece && `${piece.kind}:${piece.text}`)).toEqual([
      "reasoning:one",
      "reasoning: two",
      "reasoning: three",
    ]);
  }
});

test("a model that is said to begin inside its reasoning and does not loses nothing", () => {
  for (const text of ["A plain answer", " with <|end|> of <|message|>, \n", "<"]) {
    for (const pieces of [[text], text.split("")]) {
      expect(read(pieces, "", true)).toEqual({ held: text, shown: text, thought: "", opened: false });
    }
  }
});

test("a model that is said to begin inside its reasoning and marks its beginning this time", () => {
  expect(read(["<think>secret</think>The answer"], "", true)).toMatchObject({ held: "The answer", thought: "secret" });
  expect(read(["\n</think>The answer"], "", true)).toMatchObject({ held: "The answer", thought: "", opened: true });
});

test.for([
  "Models write <think>like this</think> before they answer.",
  "Use `</think>` to close.",
  "```\nplan</think>\n```\nThat is how.",
  'It ends at "</think>" as you see.',
  "  Leading white space stays",
  "analysis of the text",
  "analysisThe word that began it",
  "Analysis: fine",
  "<thin line",
  "<",
  "a < b and [think about it]",
  "<|return|> is a token",
  "İstanbul</b>",
])("what an answer only mentions stays: %j", (text) => {
  for (const pieces of [[text], text.split("")])
    expect(read(pieces)).toEqual({ held: text, shown: text, thought: "", opened: false });
});

test("what follows a beginning that readers hold is in the middle of the answer", () => {
  expect(read(["<think> and </think>", " stay"], "Tags like ").held).toBe("Tags like <think> and </think> stay");
  expect(read(["` it</think>"], "In `code")).toMatchObject({ held: "", thought: "In `code` it" });
});
