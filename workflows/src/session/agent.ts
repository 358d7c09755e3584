import type { Json, JsonObject } from "@holdfast/contract/json";
import type { Input } from "@holdfast/contract/snapshot";
import type { ModelRequest, RespondResult } from "@holdfast/internal/temporal";
import type { AgentState } from "./agent-state.ts";

/** One `observe` event as an agent sees it. `by`: the subject whose producer it came from. */
export interface Observed {
  readonly by: string;
  readonly producer: string;
  readonly name: string;
  readonly data?: Json;
}

/** What a running turn gives the agent's code. */
export interface TurnPort {
  readonly turn: number;
  readonly input: Input;
  state(): AgentState;
  /** Throws StateTooLargeError, and then nothing has changed. */
  setState(value: JsonObject): void;
  /** One step: streams into the turn. Throws TurnFailure or TurnStopped. */
  respond(request: ModelRequest): Promise<RespondResult>;
}

/** An agent as the session runs it. Agents are written with `defineAgent`, which gives their state its type. */
export interface Agent<S extends JsonObject = JsonObject> {
  readonly name: string;
  readonly initialState: S;
  /** Seconds from a turn's first step to its last answer. */
  readonly deadlineSeconds: number;
  /**
   * When changes made by `onObserve` reach readers: with the end of the next turn, or at once while no turn runs
   * (while one does, with its end).
   */
  readonly publishObserved: "with-turn" | "at-once";
  onTurn(port: TurnPort): Promise<void>;
  /** The state after these events, undefined where the agent does not care. Pure: it may be run more than once. */
  onObserve(state: AgentState, events: readonly Observed[]): JsonObject | undefined;
}
