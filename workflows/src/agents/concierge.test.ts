import type { Enrichment } from "@holdfast/internal/temporal";
import { expect, test } from "vitest";
import { type AgentState, agentState, withValue } from "../session/agent-state.ts";
import { concierge } from "./concierge.ts";

async function afterTurns(...enrichments: Partial<Enrichment>[]): Promise<{ state: AgentState; instructions: string }> {
  let state = agentState(concierge.initialState);
  let instructions = "";
  for (const enrichment of enrichments) {
    await concierge.onTurn({
      turn: 1,
      input: { by: "ann", producer: "p", seq: 1, text: "hi" },
      state: () => state,
      setState(value) {
        state = withValue(state, value);
      },
      async respond(request) {
        instructions = request.instructions ?? "";
        const whole = { sentiment: 0, entities: [], keywords: [], ...enrichment };
        return { text: "ok", finish: "stop" as const, model: "m", enrichment: whole, spentMs: 1 };
      },
    });
  }
  return { state, instructions };
}

test("the concierge learns mood, topics and entities from every message", async () => {
  const { state } = await afterTurns(
    { sentiment: 1, keywords: ["Opera"], entities: [{ text: "Paris", type: "NAME" }] },
    { sentiment: -1, keywords: ["dinner", "opera"] },
  );
  expect(state.value).toEqual({
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
  const { instructions } = await afterTurns({ sentiment: -1, keywords: ["refund"] }, {});
  expect(instructions).toContain("The guest seems upset.");
  expect(instructions).toContain("refund");
});

test("the concierge's memory is bounded, and lets new things in", async () => {
  const turns = Array.from({ length: 50 }, (_, i) => ({
    keywords: [`topic ${i}`, "x".repeat(100)],
    entities: [{ text: `entity ${i}`, type: "NAME" }],
  }));
  const { state } = await afterTurns(...turns);
  const { topics, entities } = state.value;
  expect(topics).toHaveLength(12);
  expect(topics).toContainEqual({ name: "topic 49", count: 1 });
  expect(topics).toContainEqual({ name: "x".repeat(48), count: 50 });
  expect(entities).toHaveLength(20);
});

test("the concierge counts what it observes by name", () => {
  const seen = (name: string) => ({ by: "ann", producer: "p", name });
  let state = agentState(concierge.initialState);
  for (const names of [
    ["click", "hover", "click"],
    ["__proto__", "click"],
  ]) {
    state = withValue(state, concierge.onObserve(state, names.map(seen)) ?? {});
  }
  expect(state.value["observed"]).toEqual([
    { name: "click", count: 3 },
    { name: "__proto__", count: 1 },
    { name: "hover", count: 1 },
  ]);
});
