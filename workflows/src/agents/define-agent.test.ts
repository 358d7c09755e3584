import type { JsonObject } from "@holdfast/contract/json";
import type { ModelRequest } from "@holdfast/internal/temporal";
import { expect, expectTypeOf, test } from "vitest";
import { agentState, type AgentState, withValue } from "../session/agent-state.ts";
import type { Agent, TurnPort } from "../session/agent.ts";
import { defineAgent, type StateOf } from "./define-agent.ts";

type Counter = { count: number; names: string[] };

function port(initial: JsonObject): TurnPort & { held(): AgentState; requests: ModelRequest[] } {
  let state = agentState(initial);
  const requests: ModelRequest[] = [];
  return {
    turn: 3,
    input: { by: "ann", producer: "p", seq: 1, text: "hi" },
    requests,
    held: () => state,
    state: () => state,
    setState(value) {
      state = withValue(state, value);
    },
    async respond(request) {
      requests.push(request);
      const enrichment = { sentiment: 0, entities: [], keywords: [] };
      return { text: "ok", finish: "stop" as const, model: "m", enrichment, spentMs: 1 };
    },
  };
}

test("an agent's state type reaches whoever imports it", () => {
  const counter = defineAgent<Counter>({ name: "c", initialState: { count: 0, names: [] }, async onTurn() {} });
  expectTypeOf<StateOf<typeof counter>>().toEqualTypeOf<Counter>();
  expectTypeOf(counter).toExtend<Agent>();
});

test("turn.update takes some members, a recipe that changes its draft, or one that returns another state", async () => {
  const turnPort = port({ count: 1, names: [] });
  await defineAgent<Counter>({
    name: "c",
    initialState: { count: 0, names: [] },
    async onTurn(turn) {
      turn.update({ count: 2 });
      turn.update((draft) => {
        draft.names.push(`at ${turn.state.count}`);
      });
      turn.update((draft) => ({ ...draft, count: draft.count + 1 }));
    },
  }).onTurn(turnPort);
  expect(turnPort.held().value).toEqual({ count: 3, names: ["at 2"] });
});

test("what an agent does to a state it read changes nothing", async () => {
  const turnPort = port({ count: 1, names: ["a"] });
  await defineAgent<Counter>({
    name: "c",
    initialState: { count: 0, names: [] },
    async onTurn(turn) {
      turn.state.names.push("b");
    },
  }).onTurn(turnPort);
  expect(turnPort.held().value).toEqual({ count: 1, names: ["a"] });
});

test("a reply asks for the agent's model unless it says otherwise", async () => {
  const turnPort = port({ count: 1, names: [] });
  await defineAgent<Counter>({
    name: "c",
    initialState: { count: 0, names: [] },
    model: { model: "large", temperature: 0 },
    async onTurn(turn) {
      await turn.reply();
      await turn.reply({ model: "small", contextTurns: 3 });
    },
  }).onTurn(turnPort);
  expect(turnPort.requests).toEqual([
    { model: "large", temperature: 0 },
    { model: "small", temperature: 0, contextTurns: 3 },
  ]);
});
