import type { Json, JsonObject } from "@holdfast/contract/json";
import { expect, test } from "vitest";
import { stepResult, textPart, turnFixture } from "../../test/turn-fixture.ts";
import { concierge } from "./concierge.ts";

const NOTHING = { sentiment: 0, entities: [], keywords: [] };

/** The state after turns in which the model told these readings, and what it was told in the last one. */
async function afterTurns(...readings: Json[]): Promise<{ state: JsonObject; instructions: string }> {
  let state: JsonObject = concierge.initialState;
  let instructions = "";
  for (const value of readings) {
    const parts = [textPart("ok"), { type: "data" as const, name: "reading", value }];
    const { turn, calls } = turnFixture(concierge, { state, respond: () => stepResult("", { parts }) });
    expect(await turn.run()).toEqual({ outcome: "completed" });
    state = turn.state;
    instructions = calls[0]?.request.instructions ?? "";
  }
  return { state, instructions };
}

test("the concierge learns mood, topics and entities from every message", async () => {
  const { state } = await afterTurns(
    { sentiment: 1, keywords: ["Opera"], entities: [{ text: "Paris", type: "NAME" }] },
    { sentiment: -1, keywords: ["dinner", "opera"], entities: [] },
  );
  expect(state).toEqual({
    messages: 2,
    mood: { score: 0.2, label: "calm" },
    topics: [
      { name: "opera", count: 2 },
      { name: "dinner", count: 1 },
    ],
    entities: [{ name: "paris", type: "NAME", count: 1 }],
    observed: [],
  });
});

test("the concierge answers with what it knows", async () => {
  const { instructions } = await afterTurns({ ...NOTHING, sentiment: -1, keywords: ["refund"] }, NOTHING);
  expect(instructions).toContain("The guest seems upset.");
  expect(instructions).toContain("refund");
});

test("the concierge's memory is bounded, and lets new things in", async () => {
  const turns = Array.from({ length: 50 }, (_, i) => ({
    ...NOTHING,
    keywords: [`topic ${i}`, "x".repeat(100)],
    entities: [{ text: `entity ${i}`, type: "NAME" }],
  }));
  const { state } = await afterTurns(...turns);
  expect(state["topics"]).toHaveLength(12);
  expect(state["topics"]).toContainEqual({ name: "topic 49", count: 1 });
  expect(state["topics"]).toContainEqual({ name: "x".repeat(48), count: 50 });
  expect(state["entities"]).toHaveLength(20);
});

test.for<Json>([null, "sad", [], {}, { ...NOTHING, sentiment: "1" }, { ...NOTHING, entities: [{ text: "Paris" }] }])(
  "the concierge counts a message, and learns nothing from what is no reading: %j",
  async (value) => {
    const { state } = await afterTurns(value);
    expect(state).toEqual({ ...concierge.initialState, messages: 1 });
  },
);

test("a model that reads nothing teaches the concierge nothing", async () => {
  const { turn } = turnFixture(concierge);
  await turn.run();
  expect(turn.state).toEqual({ ...concierge.initialState, messages: 1 });
});

test("the concierge counts what it observes by name", () => {
  const seen = (name: string) => ({ by: "ann", producer: "p", name });
  const state = structuredClone(concierge.initialState);
  concierge.onObserve?.(state, ["click", "hover", "click"].map(seen));
  concierge.onObserve?.(state, ["__proto__", "click"].map(seen));
  expect(state.observed).toEqual([
    { name: "click", count: 3 },
    { name: "__proto__", count: 1 },
    { name: "hover", count: 1 },
  ]);
});
