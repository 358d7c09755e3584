import type { Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { turnOf } from "../../test/turns.ts";
import { endingOf } from "./ending.ts";

const turn = turnOf([{ type: "text", text: "What was said" }]);

test("a whole answer ends without a word", () => {
  expect(endingOf(turn, "ann")).toBeUndefined();
});

test.for(["length", "limit", "filtered", "interrupted", "error"] as const)("an answer cut by %s says so", (finish) => {
  const ending = endingOf({ ...turn, finish }, "ann");
  expect(ending?.title).toMatch(/here/);
});

const REFUSED = ["model_refused", "content_refused", "context_too_long", "output_limit", "model_unavailable"];
const CODES = [...REFUSED, "turn_deadline", "agent_error", "state_too_large", "new_one"];

test("turn-5: each way to fail has words for a visitor; what is the operator's stands in the details only", () => {
  const titles = new Set<string>();
  const message = "the provider refused: its key is not accepted; set HOLDFAST_MODEL_KEY";
  for (const code of CODES) {
    const ending = endingOf({ ...turn, outcome: "failed", steps: [], error: { code, message } }, "ann");
    expect(ending?.details).toBe(`${code}: ${message}`);
    expect(ending?.advice).not.toBe("");
    expect(`${ending?.title} ${ending?.advice}`).not.toMatch(/key|HOLDFAST|model_|provider/);
    titles.add(ending?.title ?? "");
  }
  expect(titles.size).toBe(CODES.length);
});

test("an error code called like a member of every object is only unknown", () => {
  const ending = endingOf({ ...turn, outcome: "failed", error: { code: "constructor", message: "odd" } }, "ann");
  expect(ending?.title).toMatch(/went wrong/);
});

test("a failed turn that had said something says that it breaks off", () => {
  const failed: Turn = { ...turn, outcome: "failed", error: { code: "turn_deadline", message: "late" } };
  expect(endingOf(failed, "ann")?.title).toMatch(/breaks off here/);
  expect(endingOf({ ...failed, steps: [] }, "ann")?.title).not.toMatch(/breaks off/);
});

test("who stopped an answer is told: oneself, another, or nobody in the conversation", () => {
  const stopped: Turn = { ...turn, outcome: "interrupted", finish: "interrupted" };
  expect(endingOf({ ...stopped, by: "ann" }, "ann")?.title).toBe("You stopped the answer here.");
  expect(endingOf({ ...stopped, by: "bob" }, "ann")?.title).toBe("bob stopped the answer here.");
  expect(endingOf({ ...stopped, steps: [] }, "ann")?.title).toBe("The answer was stopped before the first word.");
});

test("reasoning and tools alone are no answer", () => {
  const interrupted = turnOf([{ type: "reasoning", text: "Well" }], { outcome: "interrupted", by: "ann" });
  const ending = endingOf(interrupted, "ann");
  expect(ending?.title).toBe("You stopped the answer before the first word.");
});
