import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { endingOf } from "./ending.ts";

const turn: Turn = { turn: 1, inputs: [], outcome: "completed", finish: "stop", text: "What was said" };

test("a whole answer ends without a word", () => {
  expect(endingOf(turn)).toBeUndefined();
});

test.for(["length", "limit", "filtered", "interrupted", "error"] as const)("an answer cut by %s says so", (finish) => {
  const ending = endingOf({ ...turn, finish });
  expect(ending?.title).toMatch(/here/);
});

test("turn-5: each way to fail has words for a visitor; what is the operator's stands in the details only", () => {
  const titles = new Set<string>();
  const message = "the provider refused: its key is not accepted; set HOLDFAST_MODEL_KEY";
  for (const code of [
    "model_refused",
    "content_refused",
    "context_too_long",
    "output_limit",
    "model_unavailable",
    "turn_deadline",
    "agent_error",
    "state_too_large",
    "new_one",
  ]) {
    const ending = endingOf({ ...turn, outcome: "failed", text: "", error: { code, message } });
    expect(ending?.details).toBe(`${code}: ${message}`);
    expect(ending?.advice).not.toBe("");
    expect(`${ending?.title} ${ending?.advice}`).not.toMatch(/key|HOLDFAST|model_|provider/);
    titles.add(ending?.title ?? "");
  }
  expect(titles.size).toBe(9);
});

test("an error code called like a member of every object is only unknown", () => {
  const ending = endingOf({ ...turn, outcome: "failed", error: { code: "constructor", message: "odd" } });
  expect(ending?.title).toMatch(/went wrong/);
});

test("a failed turn that had said something says that it breaks off", () => {
  const failed: Turn = { ...turn, outcome: "failed", error: { code: "turn_deadline", message: "late" } };
  expect(endingOf(failed)?.title).toMatch(/breaks off here/);
  expect(endingOf({ ...failed, text: "" })?.title).not.toMatch(/breaks off/);
});
