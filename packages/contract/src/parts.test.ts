import { expect, test } from "vitest";
import { grownPart, type Part, partLength, partSchema, shrunkPart, textOfParts, type ToolPart } from "./parts.ts";

const tool: ToolPart = { type: "tool", call: "1.2.0", name: "refund", state: "writing" };
const whole: ToolPart = {
  ...tool,
  state: "done",
  inputText: '{"order":7}',
  input: { order: 7 },
  output: { ok: true },
  preview: "{",
  blob: "b1",
  error: "none",
  progress: 0.5,
  question: "q1",
  by: "bob",
};
const file: Part = { type: "file", blob: "b2", mediaType: "image/png", name: "a.png", bytes: 10 };
const child: Part = { type: "child", session: "ann/research", agent: "reader", state: "done", text: "found" };
const source: Part = { type: "source", url: "https://example.org", title: "Example" };

test("part-2: the seven types of part are read as they are; unknown members are left out, another type is none", () => {
  const parts: Part[] = [
    { type: "text", text: "" },
    { type: "reasoning", text: "hm" },
    whole,
    { type: "data", name: "reading", id: "1", value: null },
    source,
    { type: "source" },
    file,
    child,
  ];
  for (const part of parts) expect(partSchema.parse({ ...part, later: true })).toEqual(part);
  expect(partSchema.safeParse({ type: "video", text: "x" }).success).toBe(false);
  expect(partSchema.safeParse({ ...tool, state: "lost" }).success).toBe(false);
  expect(partSchema.safeParse({ type: "data", name: "x" }).success).toBe(false);
});

test("part-2: the text of a step is that of its text parts", () => {
  const parts: Part[] = [
    { type: "text", text: "a" },
    { type: "reasoning", text: "b" },
    whole,
    { type: "text", text: "c" },
  ];
  expect(textOfParts(parts)).toBe("ac");
  expect(textOfParts([])).toBe("");
});

test("part-4: a text, a reasoning, and a tool whose input is being written grow; nothing else does", () => {
  expect(grownPart({ type: "text", text: "a" }, "b")).toEqual({ type: "text", text: "ab" });
  expect(grownPart({ type: "reasoning", text: "" }, "b")).toEqual({ type: "reasoning", text: "b" });
  expect(grownPart(tool, "{")).toEqual({ ...tool, inputText: "{" });
  expect(grownPart({ ...tool, inputText: "{" }, "}")).toEqual({ ...tool, inputText: "{}" });
  for (const state of [
    "ready",
    "asking",
    "approved",
    "denied",
    "running",
    "done",
    "failed",
    "stopped",
    "unknown",
  ] as const) {
    expect(grownPart({ ...tool, state }, "x")).toBeUndefined();
  }
  for (const part of [{ type: "data", name: "x", value: "a" } as const, source, file, child]) {
    expect(grownPart(part, "x")).toBeUndefined();
  }
});

test("part-5: the length of a part is that of its text, or of its encoding where it is no text", () => {
  expect(partLength({ type: "text", text: "é𝄞" })).toBe(3);
  expect(partLength({ type: "reasoning", text: "abc" })).toBe(3);
  expect(partLength(tool)).toBe(JSON.stringify(tool).length);
});

test("snap-5: what is left of a part in an old turn, and the same part where that is all of it", () => {
  expect(shrunkPart(whole)).toEqual({ type: "tool", call: "1.2.0", name: "refund", state: "done", blob: "b1" });
  expect(shrunkPart({ ...tool, input: 1 })).toEqual(tool);
  expect(shrunkPart({ type: "reasoning", text: "hm" })).toEqual({ type: "reasoning", text: "" });
  expect(shrunkPart({ type: "data", name: "n", id: "i", value: 1 })).toEqual({
    type: "data",
    name: "n",
    id: "i",
    value: null,
  });
  expect(shrunkPart(child)).toEqual({ ...child, text: "" });
  for (const part of [{ type: "text", text: "said" } as const, source, file, tool]) expect(shrunkPart(part)).toBe(part);
  for (const part of [whole, child, { type: "data", name: "n", value: 1 } as const]) {
    const once = shrunkPart(part);
    expect(shrunkPart(once)).toBe(once);
  }
});
