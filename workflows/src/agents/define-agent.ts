import type { JsonObject } from "@holdfast/contract/json";
import type { Input } from "@holdfast/contract/snapshot";
import type { ModelRequest, RespondResult } from "@holdfast/internal/temporal";
import type { Agent, Observed, TurnPort } from "../session/agent.ts";
import type { AgentState } from "../session/agent-state.ts";

export type { Observed };

/** Seconds a turn may take unless its agent says otherwise. */
const DEADLINE_SECONDS = 120;

/** Changes a copy of the state in place, or returns another one. */
export type Recipe<S> = (draft: S) => S | void;

/** One input on its way to its outcome, as an agent's `onTurn` sees it. */
export interface Turn<S extends JsonObject> {
  /** Turns of a session are numbered from 1. */
  readonly number: number;
  readonly input: Input;
  /** A copy of the state as it is now: with this turn's updates, and with what was observed meanwhile. */
  readonly state: Readonly<S>;
  /**
   * Changes the state: some members, or by a recipe. Readers see it when the turn ends; a turn that fails leaves no
   * trace. Throws StateTooLargeError beyond LIMITS.stateBytes.
   */
  update(change: Partial<S> | Recipe<S>): void;
  /**
   * Asks the model, and streams its answer into the turn: one step. One at a time; the turn's text is the sum of its
   * replies. Throws TurnFailure when the model cannot answer (`code`: SPEC turn-5) and TurnStopped after an interrupt.
   * A reply that was interrupted half-way returns what there is, with `finish: "interrupted"`; any other `finish` says
   * whether the model had said all it wanted (`stop`) or was cut off.
   */
  reply(request?: ModelRequest): Promise<RespondResult>;
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
  onTurn(turn: Turn<S>): Promise<void>;
  /**
   * Folds small facts into the state, also while a turn runs. Pure, and quick: it may be run more than once for the
   * same events. An error thrown here drops what these events would have changed.
   */
  onObserve?(draft: S, events: readonly Observed[]): S | void;
  /** Whether observed changes reach readers with the next turn's end (default), or at once while no turn runs. */
  readonly publishObserved?: Agent["publishObserved"];
  /** Default 120. */
  readonly deadlineSeconds?: number;
  /** What every reply asks for unless it says otherwise. */
  readonly model?: ModelRequest;
}

/** The state's type of an agent: `StateOf<typeof concierge>`. */
export type StateOf<A extends Agent> = A["initialState"];

export function defineAgent<S extends JsonObject>(definition: AgentDefinition<S>): Agent<S> {
  return {
    name: definition.name,
    initialState: definition.initialState,
    deadlineSeconds: definition.deadlineSeconds ?? DEADLINE_SECONDS,
    publishObserved: definition.publishObserved ?? "with-turn",
    onTurn: (port) => definition.onTurn(turnOf(port, definition.model)),
    onObserve: (state, events) => {
      if (definition.onObserve === undefined) return undefined;
      const draft = decoded<S>(state);
      return definition.onObserve(draft, events) ?? draft;
    },
  };
}

function turnOf<S extends JsonObject>(port: TurnPort, model: ModelRequest | undefined): Turn<S> {
  return {
    number: port.turn,
    input: port.input,
    get state() {
      return decoded<S>(port.state());
    },
    update(change) {
      const draft = decoded<S>(port.state());
      port.setState(typeof change === "function" ? (change(draft) ?? draft) : { ...draft, ...change });
    },
    reply: (request) => port.respond({ ...model, ...request }),
  };
}

/** The state came from an agent of this type, this turn or an earlier one, so its JSON is of this type. */
function decoded<S extends JsonObject>(state: AgentState): S {
  return JSON.parse(state.json);
}
