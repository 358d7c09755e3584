import type { Commit, Shown } from "@holdfast/activities/publish";
import type { SessionKey } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import type { Snapshot, Turn } from "@holdfast/contract/snapshot";
import type {
  CommandCall,
  DeadLetter,
  DeadLetters,
  Legacy,
  SessionStart,
  SessionState,
} from "@holdfast/internal/temporal";
import type { Agent, Observed } from "./agent.ts";
import { type AgentState, agentState, withValue } from "./agent-state.ts";
import { type ReadBatch, readBatch } from "./batch.ts";
import { CARRY_BYTES, type Carry } from "./carry.ts";
import { Commands } from "./commands.ts";
import { DeadLetterBox } from "./dead-letters.ts";
import { encodedBytes } from "./encoded-bytes.ts";
import { Inbox } from "./inbox.ts";
import { patchBetween } from "./patch.ts";
import { Producers } from "./producers.ts";
import { Transcript } from "./transcript.ts";
import type { TurnFailure } from "./turn-failure.ts";
import { TurnRun } from "./turn-run.ts";

export type TurnEnd =
  | { outcome: "completed" }
  | { outcome: "interrupted" }
  | { outcome: "failed"; failure: TurnFailure };

/** Of the workflow: its id, and Unix milliseconds at which it started. */
export interface SessionRun {
  id: string;
  startedAt: number;
}

/**
 * What became of one signal. `dead`: what of it became dead letters. `observeError`: the agent's `onObserve` threw or made too
 * large a state; its change is dropped.
 */
export interface Received {
  dead: readonly DeadLetter[];
  observeError?: unknown;
}

/**
 * A session's state machine: what events, commands and turns do to it. It knows nothing of Temporal, waits for nothing
 * and decides nothing by how its input was grouped, so that a replay takes the same way.
 */
export class Session {
  readonly key: SessionKey;
  readonly agent: Agent;
  /** See `SessionState`. */
  readonly epoch: number;
  readonly #run: string;
  readonly #commands: Commands;
  readonly #inbox: Inbox;
  readonly #producers: Producers;
  readonly #transcript: Transcript;
  readonly #deadLetters: DeadLetterBox;
  #version: number;
  /** As of `#version`: what readers have. Empty until the first commit: a reader of version 0 knows of no agent's state. */
  #committed: AgentState;
  /** With what was observed since. */
  #state: AgentState;
  #observedSince: boolean;
  /** With what the running turn changed; it replaces `#state` when the turn ends, and is dropped when it fails. */
  #draft: AgentState;
  #running: TurnRun | undefined;

  constructor(start: SessionStart, agent: Agent, run: SessionRun, carry?: Carry) {
    this.key = start.key;
    this.agent = agent;
    this.epoch = carry?.epoch ?? run.startedAt;
    this.#run = run.id;
    this.#version = carry?.version ?? 0;
    this.#committed = agentState(carry?.committed ?? {});
    this.#state = agentState(carry === undefined ? agent.initialState : (carry.state ?? carry.committed));
    this.#observedSince = carry?.state !== undefined;
    this.#draft = this.#state;
    this.#transcript = new Transcript(carry?.turns, carry?.lastTurn);
    this.#inbox = new Inbox(carry?.inbox);
    this.#producers = new Producers(carry?.producers);
    this.#commands = new Commands(carry?.commands);
    this.#deadLetters = new DeadLetterBox(carry?.deadLetters);
  }

  get running(): TurnRun | undefined {
    return this.#running;
  }

  get hasInput(): boolean {
    return this.#inbox.size > 0;
  }

  /** What was observed is to be published by a frame of its own. */
  get patchDue(): boolean {
    return this.#observedSince && this.#running === undefined && this.agent.publishObserved === "at-once";
  }

  /** SPEC send-2, send-3, send-7: what one signal does. Never throws. */
  receive(payload: unknown): Received {
    const { observed, dead } = this.#take(readBatch(payload));
    for (const letter of dead) this.#deadLetters.add(letter);
    const received: Received = { dead };
    if (observed.length === 0) return received;
    try {
      const state = this.#folded(this.#state, observed);
      this.#draft = this.#draft === this.#state ? state : this.#folded(this.#draft, observed);
      if (state !== this.#state) this.#observedSince = true;
      this.#state = state;
    } catch (error) {
      received.observeError = error;
    }
    return received;
  }

  #take(batch: ReadBatch): { observed: Observed[]; dead: DeadLetter[] } {
    const observed: Observed[] = [];
    const dead = [...batch.dead];
    for (const { by, producer, at, events } of batch.runs) {
      for (const read of events) {
        if (!this.#producers.take({ by, producer }, read.seq, at)) continue;
        if ("dead" in read) {
          dead.push(read.dead);
          continue;
        }
        const { event } = read;
        const data = event.data === undefined ? {} : { data: event.data };
        if (event.kind === "input") this.#inbox.add({ by, producer, seq: event.seq, text: event.text, ...data });
        else observed.push({ by, producer, name: event.name, ...data });
      }
    }
    return { observed, dead };
  }

  /** A signal that sessions do not have. */
  ignore(name: string): void {
    this.#deadLetters.add({ reason: "Sessions know no signal of this name.", kind: name });
  }

  deadLetters(): DeadLetters {
    return this.#deadLetters.all;
  }

  #folded(state: AgentState, observed: Observed[]): AgentState {
    const value = this.agent.onObserve(state, observed);
    return value === undefined ? state : withValue(state, value);
  }

  /** Begins the turn of the oldest input; undefined where there is none. */
  startTurn(): TurnRun | undefined {
    const input = this.#inbox.take();
    if (input === undefined) return undefined;
    this.#producers.apply(input, input.seq);
    this.#version++;
    this.#draft = this.#state;
    this.#running = new TurnRun(this.#transcript.last + 1, input, this.#version, this.agent.deadlineSeconds);
    return this.#running;
  }

  /** The running turn's view of the state. */
  draft(): AgentState {
    return this.#draft;
  }

  /** Throws StateTooLargeError, and then nothing has changed. */
  setDraft(value: AgentState["value"]): void {
    this.#draft = withValue(this.#draft, value);
  }

  /** SPEC turn-2: ends the running turn, and says what is to be published for it. */
  endTurn(end: TurnEnd): Commit {
    const run = this.#running;
    if (run === undefined) throw new Error("No turn is running.");
    this.#running = undefined;
    run.end();
    if (end.outcome === "failed") this.#draft = this.#state;
    else this.#state = this.#draft;
    const error = end.outcome === "failed" ? { error: end.failure.toError() } : {};
    const { text } = run;
    const finish = run.finish(end.outcome);
    const by = end.outcome === "interrupted" && run.stoppedBy !== undefined ? { by: run.stoppedBy } : {};
    const turn: Turn = { turn: run.turn, inputs: [run.input], outcome: end.outcome, text, finish, ...error, ...by };
    this.#transcript.add(turn);
    const body = { turn: run.turn, text, finish, ...this.#commitState() };
    const frame: Commit["frame"] =
      end.outcome === "failed"
        ? { type: "turn.failed", ...body, error: end.failure.toError() }
        : { type: `turn.${end.outcome}`, ...body, ...by };
    return { ...this.#commit(frame), turn, keepTurns: this.#transcript.turns.length };
  }

  /** Publishes what was observed, outside a turn. */
  patchObserved(): Commit {
    return this.#commit({ type: "state.patched", ...this.#commitState() });
  }

  #commit(frame: Commit["frame"]): Commit {
    return { run: this.#run, epoch: this.epoch, frame, state: this.#committed.value };
  }

  /**
   * SPEC turn-2: a workflow task that is executed again meets what came meanwhile before the commit it had published, and
   * would publish another under its version. What readers were given stays as it is; what came since follows it.
   */
  adopt({ state, turn }: Shown): void {
    this.#committed = agentState(state);
    this.#observedSince = this.#state.json !== this.#committed.json;
    if (turn?.turn === this.#transcript.last) this.#transcript.replaceLast(turn);
  }

  #commitState(): { version: number; patch: Commit["frame"]["patch"] } {
    const patch = patchBetween(this.#committed, this.#state);
    this.#committed = this.#state;
    this.#draft = this.#state;
    this.#observedSince = false;
    this.#version++;
    return { version: this.#version, patch };
  }

  /**
   * SPEC command-2: returns the turn it stops, null where none (or another) is running. `by`: the subject that asks for it;
   * undefined where an operator does.
   */
  interrupt(turn: number | undefined, by?: string): number | null {
    const run = this.#running;
    if (run === undefined || (turn !== undefined && turn !== run.turn)) return null;
    run.stop(by);
    return run.turn;
  }

  /** SPEC command-1, command-2: the answer to an interrupt that changes nothing; undefined for one that does. */
  idleAnswer(call: CommandCall, turn: number | undefined): Json | undefined {
    const before = this.answered(call);
    if (before !== undefined) return before;
    const run = this.#running;
    return run === undefined || (turn !== undefined && turn !== run.turn) ? { turn: null } : undefined;
  }

  /** SPEC command-1. */
  answered(call: CommandCall): Json | undefined {
    return this.#commands.answer(call);
  }

  answer(call: CommandCall, answer: Json): void {
    this.#commands.remember(call, answer);
  }

  truth(): SessionState {
    return { epoch: this.epoch, snapshot: this.snapshot() };
  }

  /**
   * SPEC snap-1. Its state is the one of its version: what was observed since comes with the next versioned frame. Where
   * much text is on its way the oldest turns are left out: a Query with too large an answer fails, and readers with it.
   */
  snapshot(): Snapshot {
    const snapshot: Snapshot = {
      version: this.#version,
      agent: this.agent.name,
      state: this.#committed.value,
      turns: [...this.#transcript.turns],
      running: this.#running?.toRunning() ?? null,
      applied: this.#producers.applied(),
    };
    return encodedBytes(JSON.stringify(snapshot)) <= CARRY_BYTES ? snapshot : this.#withFewerTurns(snapshot);
  }

  /**
   * What continues as a new run; only between turns. Undefined where it would be too large: the inbox has to be worked
   * down first. With `force` the oldest turns are left behind instead; an inbox that is too large without any is not.
   */
  carry(unrepaired: boolean, force: boolean): Carry | undefined {
    const carry: Carry = {
      format: 1,
      epoch: this.epoch,
      version: this.#version,
      committed: this.#committed.value,
      ...(this.#state.json === this.#committed.json ? {} : { state: this.#state.value }),
      turns: this.#transcript.turns,
      lastTurn: this.#transcript.last,
      inbox: this.#inbox.toCarry(),
      producers: this.#producers.toCarry(),
      commands: this.#commands.toCarry(),
      deadLetters: this.#deadLetters.all,
      unrepaired,
    };
    if (encodedBytes(JSON.stringify(carry)) <= CARRY_BYTES) return carry;
    if (!force) return undefined;
    const smaller = this.#withFewerTurns(carry);
    return encodedBytes(JSON.stringify(smaller)) <= CARRY_BYTES ? smaller : undefined;
  }

  /** What is left of the session where its run ends here: the turn under way counts as interrupted. */
  legacy(): Legacy {
    const [carry, run, agent] = [this.carry(true, true) ?? null, this.#running, this.agent.name];
    if (carry === null || run === undefined) return { agent, carry };
    const cut = { epoch: this.epoch, turn: run.turn, held: run.text };
    const ended = { turn: run.turn, inputs: [run.input], text: run.text };
    const turns: Turn[] = [...carry.turns, { ...ended, outcome: "interrupted", finish: "interrupted" }];
    return { agent, carry: { ...carry, version: carry.version + 1, turns, lastTurn: run.turn }, cut };
  }

  #withFewerTurns<T extends object>(payload: T): Omit<T, "turns"> & { turns: Turn[] } {
    const rest = { ...payload, turns: [] };
    return { ...rest, turns: this.#transcript.newestWithin(CARRY_BYTES - encodedBytes(JSON.stringify(rest))) };
  }
}
