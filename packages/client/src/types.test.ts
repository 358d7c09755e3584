import type { JsonObject } from "@holdfast/contract";
import { expectTypeOf, test } from "vitest";
import { connect, type HoldfastClient } from "./client.ts";

interface ConciergeState {
  mood: string;
  topics: { name: string; count: number }[];
}
type Agents = { concierge: ConciergeState; echo: { count: number } };

// Nothing connects: the types are what is tested, and no session is used.
const options = { url: "http://127.0.0.1:1", token: () => "t" };

test("the state's type follows from a type argument", () => {
  const session = connect(options).session<ConciergeState>("chat", { agent: "concierge", lazy: true });
  expectTypeOf(session.get().state.mood).toEqualTypeOf<string | undefined>();
  expectTypeOf(session.get().state.topics).toEqualTypeOf<ConciergeState["topics"] | undefined>();
});

test("the state's type follows from the agent, when the client knows the agents", () => {
  const client = connect<Agents>(options);
  const session = client.session("chat", { agent: "echo", lazy: true });
  expectTypeOf(session.get().state.count).toEqualTypeOf<number | undefined>();
  expectTypeOf(client.session("other", { agent: "concierge", lazy: true }).get().state.mood).toEqualTypeOf<
    string | undefined
  >();
});

test("a client that knows its agents can be given where any client will do", () => {
  expectTypeOf(connect<Agents>(options)).toExtend<HoldfastClient>();
});

test("without either it is a JSON object", () => {
  const session = connect(options).session("chat", { lazy: true });
  expectTypeOf(session.get().state).toEqualTypeOf<Readonly<Partial<JsonObject>>>();
});
