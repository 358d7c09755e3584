import type { Json, JsonObject } from "@holdfast/contract/json";
import type { Part } from "@holdfast/contract/parts";
import type { Finish, Input, Usage } from "@holdfast/contract/turn";
import type { ModelRequest } from "@holdfast/internal/temporal";

/** Seconds a turn may take unless its agent says otherwise. */
const DEADLINE_SECONDS = 120;

/**
 * Changes a copy of the state in place, or returns another one. The type is that of a method, whose parameter TypeScript compares in
 * both directions: so an agent is an `Agent`, whatever its state.
 */
export type Recipe<S> = { recipe(draft: S): S | void }["recipe"];

/** One `observe` event as an agent sees it. `by`: the subject whose producer it came from. */
export interface Observed {
  readonly by: string;
  readonly producer: string;
  readonly name: string;
  readonly data?: Json;
}

/** What a model made of one request. */
export interface Reply {
  /** The text of `parts` that is an answer: without reasoning. */
  readonly text: string;
  /** Everything the step made. Some models add parts of type `data`, which tell what they found in the input. */
  readonly parts: readonly Part[];
  /**
   * `stop`: the model had said all it wanted. `interrupted`: somebody stopped it half-way. Any other: it was cut off (SPEC
   * frame-3).
   */
  readonly finish: Exclude<Finish, "error">;
  readonly model: string;
  readonly usage?: Usage;
}

/** One input on its way to its outcome, as an agent's `onTurn` sees it. */
export interface AgentTurn<S extends JsonObject> {
  /** Turns of a session are numbered from 1. */
  readonly number: number;
  readonly input: Input;
  /** A copy of the state as it is now: with this turn's updates, and with what was observed meanwhile. */
  readonly state: Readonly<S>;
  /**
   * Changes the state: some members, or by a recipe. Readers see it when the next step begins or the turn ends. A turn that fails
   * takes all of its updates back. Throws StateTooLargeError beyond LIMITS.stateBytes.
   */
  update(change: Partial<S> | Recipe<S>): void;
  /**
   * Asks the model, and streams its answer into the turn: one step. One at a time; the turn's text is the sum of its
   * replies. Throws TurnFailure when the model cannot answer (`code`: SPEC turn-5) and TurnStopped after an interrupt.
   */
  reply(request?: ModelRequest): Promise<Reply>;
}

/**
 * An agent: plain code that Temporal runs, and runs again from history after a crash. So it must do the same thing each
 * time: no network, no files, no clock but `Date`, which Temporal answers; whatever reaches outside goes through `turn`.
 */
export interface AgentDefinition<S extends JsonObject> {
  readonly name: string;
  /** State of a new session. A `type`, not an `interface`: it has to be JSON. */
  readonly initialState: S;
  /**
   * An error thrown here fails the turn (`agent_error`); the session goes on with the next input. So does a loop that takes more
   * than two million rounds from one reply to the next, or twenty thousand that await: it would never end.
   */
  onTurn(turn: AgentTurn<S>): Promise<void>;
  /**
   * Folds small facts into the state, also while a turn runs. Pure, and quick: it may be run more than once for the
   * same events. An error thrown here drops what these events would have changed.
   */
  onObserve?(draft: S, events: readonly Observed[]): S | void;
  /**
   * When changes made by `onObserve` reach readers: with the end of the next turn (default), or at once while no turn runs
   * (while one does, with its end).
   */
  readonly publishObserved?: "with-turn" | "at-once";
  /** Seconds that the steps of a turn may take together. Default 120. */
  readonly deadlineSeconds?: number;
  /** What every reply asks for unless it says otherwise. */
  readonly model?: ModelRequest;
}

/** An agent as sessions run it: nothing is left to a default. */
export interface Agent<S extends JsonObject = JsonObject> extends AgentDefinition<S> {
  readonly publishObserved: "with-turn" | "at-once";
  readonly deadlineSeconds: number;
}

/** The state's type of an agent: `StateOf<typeof concierge>`. */
export type StateOf<A extends Agent> = A["initialState"];

export function defineAgent<S extends JsonObject>(definition: AgentDefinition<S>): Agent<S> {
  return { publishObserved: "with-turn", deadlineSeconds: DEADLINE_SECONDS, ...definition };
}
