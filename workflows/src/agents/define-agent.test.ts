import type { ModelRequest } from "@holdfast/internal/temporal";
import { expect, expectTypeOf, test } from "vitest";
import { stepResult, textPart, turnFixture } from "../../test/turn-fixture.ts";
import { type Agent, type AgentTurn, defineAgent, type Reply, type StateOf } from "./define-agent.ts";

type Counter = { count: number; names: string[] };

function counter(onTurn: (turn: AgentTurn<Counter>) => Promise<void>, model?: ModelRequest): Agent<Counter> {
  const agent = { name: "c", initialState: { count: 1, names: ["a"] }, onTurn };
  return defineAgent<Counter>(model === undefined ? agent : { ...agent, model });
}

test("an agent's state type reaches whoever imports it", () => {
  const agent = counter(async () => {});
  expectTypeOf<StateOf<typeof agent>>().toEqualTypeOf<Counter>();
  expectTypeOf(agent).toExtend<Agent>();
  expect(agent).toMatchObject({ deadlineSeconds: 120, publishObserved: "with-turn" });
});

test("turn.update takes some members, a recipe that changes its draft, or one that returns another state", async () => {
  const { turn } = turnFixture(
    counter(async (agentTurn) => {
      agentTurn.update({ count: 2 });
      agentTurn.update((draft) => {
        draft.names.push(`at ${agentTurn.state.count}`);
      });
      agentTurn.update((draft) => ({ ...draft, count: draft.count + 1 }));
    }),
  );
  await turn.run();
  expect(turn.state).toEqual({ count: 3, names: ["a", "at 2"] });
});

test("what an agent does to a state it read changes nothing", async () => {
  const { turn } = turnFixture(
    counter(async (agentTurn) => {
      agentTurn.state.names.push("b");
    }),
  );
  await turn.run();
  expect(turn.state).toEqual({ count: 1, names: ["a"] });
});

test("a reply asks for the agent's model unless it says otherwise", async () => {
  const model = { model: "large", temperature: 0 };
  const { turn, calls } = turnFixture(
    counter(async (agentTurn) => {
      await agentTurn.reply();
      await agentTurn.reply({ model: "small", contextTurns: 3 });
    }, model),
  );
  await turn.run();
  expect(calls.map(({ request }) => request)).toEqual([model, { model: "small", temperature: 0, contextTurns: 3 }]);
});

test("a reply is what the model made: its text without reasoning, and the data that came with it", async () => {
  const data = { type: "data", name: "reading", value: { sentiment: 1 } } as const;
  const parts = [{ type: "reasoning" as const, text: "hm" }, textPart("one "), data, textPart("two")];
  const replies: Reply[] = [];
  const { turn } = turnFixture(
    counter(async (agentTurn) => {
      replies.push(await agentTurn.reply());
    }),
    { respond: () => stepResult("", { parts, finish: "length", usage: { inputTokens: 3 } }) },
  );
  await turn.run();
  expect(replies).toEqual([{ text: "one two", parts, finish: "length", model: "m", usage: { inputTokens: 3 } }]);
});
