import type { Part } from "@holdfast/contract/parts";
import type { JsonObject } from "@holdfast/contract/json";
import type { Input } from "@holdfast/contract/turn";
import type { HeldStep, StepResult } from "@holdfast/internal/temporal";
import type { Agent } from "../src/agents/define-agent.ts";
import { agentState } from "../src/session/agent-state.ts";
import { type StepCall, Turn, type TurnDeps } from "../src/session/turn.ts";

export function inputOf(seq: number, text = `text ${seq}`): Input {
  return { by: "ann", producer: "p", seq, origin: "user", at: 1, text };
}

export function textPart(text: string): Part {
  return { type: "text", text };
}

/** What a worker answers that has said `text`. */
export function stepResult(text: string, more: Partial<StepResult> = {}): StepResult {
  return { attempt: 1, index: 1, parts: [textPart(text)], finish: "stop", model: "m", spentMs: 1, ...more };
}

export interface TurnFixture {
  turn: Turn;
  /** The steps that it asked for. */
  calls: StepCall[];
  /** Numbers of the steps whose end it published before the turn's. */
  published: number[];
  defects: string[];
  errors: string[];
}

interface FixtureOptions {
  /** As it was before; the agent's initial one unless given. */
  state?: JsonObject;
  input?: Input;
  traceparent?: string;
  /** What is answered to a step; else "ok". */
  respond?: (call: StepCall) => Promise<StepResult> | StepResult;
  heldStep?: () => HeldStep | undefined;
}

/** A turn of an agent without a session, without Temporal, and with a model that says what the test wants. */
export function turnFixture(agent: Agent, options: FixtureOptions = {}): TurnFixture {
  const { state = agent.initialState, input = inputOf(1), traceparent, respond = () => stepResult("ok") } = options;
  const [calls, published, defects, errors]: [StepCall[], number[], string[], string[]] = [[], [], [], []];
  const deps: TurnDeps = {
    async respond(call) {
      calls.push(call);
      return respond(call);
    },
    async publishStep(turn) {
      published.push(turn.endStep().step);
    },
    heldStep: async () => options.heldStep?.(),
    onDefect: (_, { summary }) => defects.push(summary),
    log: { error: (message) => errors.push(message) },
  };
  const begun = { number: 3, input, version: 7, agent, state: agentState(state) };
  const turn = new Turn(traceparent === undefined ? begun : { ...begun, traceparent }, deps);
  return { turn, calls, published, defects, errors };
}
