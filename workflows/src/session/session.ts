import type { Commit, Shown } from "@holdfast/activities/publish";
import type { SessionKey } from "@holdfast/contract/ids";
import type { Json } from "@holdfast/contract/json";
import type { Snapshot } from "@holdfast/contract/snapshot";
import type { Input, Step, Turn as EndedTurn } from "@holdfast/contract/turn";
import type {
  CommandCall,
  DeadLetter,
  DeadLetters,
  HistoryPage,
  HistoryQuery,
  Legacy,
  SessionStart,
  SessionState,
} from "@holdfast/internal/temporal";
import type { Agent, Observed } from "../agents/define-agent.ts";
import { type AgentState, agentState, copyOf, encodedBytes, patchBetween, withValue } from "./agent-state.ts";
import { CommandAnswers } from "./commands.ts";
import { type ContinuedSession, PAYLOAD_BYTES } from "./continue-as-new.ts";
import { Inbox, Producers } from "./inbox.ts";
import { DeadLetterBox, type ReadBatch, readBatch } from "./intake.ts";
import { Transcript } from "./transcript.ts";
import { Turn, type TurnDeps, type TurnEnd, type TurnEndFrame } from "./turn.ts";

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
  readonly #answers: CommandAnswers;
  readonly #inbox: Inbox;
  readonly #producers: Producers;
  readonly #transcript: Transcript;
  readonly #deadLetters: DeadLetterBox;
  #version: number;
  /** As of `#version`: what readers have. Empty until the first commit: a reader of version 0 knows of no agent's state. */
  #committed: AgentState;
  /** With what was observed since, and without what the running turn has changed. */
  #state: AgentState;
  #observedSince: boolean;
  #turn: Turn | undefined;
  /** The running turn's end, which readers were given before its agent came to it: see `adopt`. */
  #shownEnd: EndedTurn | undefined;

  constructor(start: SessionStart, agent: Agent, run: SessionRun, before?: ContinuedSession) {
    this.key = start.key;
    this.agent = agent;
    this.epoch = before?.epoch ?? run.startedAt;
    this.#run = run.id;
    this.#version = before?.version ?? 0;
    this.#committed = agentState(before?.committed ?? {});
    this.#state = agentState(before === undefined ? agent.initialState : (before.state ?? before.committed));
    this.#observedSince = before?.state !== undefined;
    this.#transcript = new Transcript(before);
    this.#inbox = new Inbox(before?.inbox);
    this.#producers = new Producers(before?.producers);
    this.#answers = new CommandAnswers(before?.commands);
    this.#deadLetters = new DeadLetterBox(before?.deadLetters);
  }

  get hasInput(): boolean {
    return this.#inbox.size > 0;
  }

  /** What was observed is to be published by a frame of its own. */
  get patchDue(): boolean {
    return this.#observedSince && this.#turn === undefined && this.agent.publishObserved === "at-once";
  }

  /** SPEC send-2, send-3, send-7: what one signal does. Never throws. */
  receive(payload: unknown): Received {
    const { observed, dead } = this.#take(readBatch(payload));
    for (const letter of dead) this.#deadLetters.add(letter);
    const received: Received = { dead };
    if (observed.length === 0) return received;
    try {
      this.#observe(observed);
    } catch (error) {
      received.observeError = error;
    }
    return received;
  }

  #take(batch: ReadBatch): { observed: Observed[]; dead: DeadLetter[] } {
    const observed: Observed[] = [];
    const dead = [...batch.dead];
    for (const { by, producer, at, traceparent, events } of batch.runs) {
      const trace = traceparent === undefined ? {} : { traceparent };
      for (const read of events) {
        if (!this.#producers.take({ by, producer }, read.seq, at)) continue;
        if ("dead" in read) {
          dead.push(read.dead);
          continue;
        }
        const { event } = read;
        const data = event.data === undefined ? {} : { data: event.data };
        if (event.kind === "observe") {
          observed.push({ by, producer, name: event.name, ...data });
          continue;
        }
        const id = event.id === undefined ? {} : { id: event.id };
        const input: Input = { by, producer, seq: event.seq, origin: "user", at, ...id, text: event.text, ...data };
        this.#inbox.add({ input, ...trace });
      }
    }
    return { observed, dead };
  }

  #observe(observed: Observed[]): void {
    const [before, turn] = [this.#state, this.#turn];
    const state = this.#folded(before, observed);
    const draft = turn === undefined || turn.draft === before ? state : this.#folded(turn.draft, observed);
    if (state !== before) this.#observedSince = true;
    this.#state = state;
    if (turn !== undefined) turn.draft = draft;
  }

  #folded(state: AgentState, observed: Observed[]): AgentState {
    if (this.agent.onObserve === undefined) return state;
    const draft = copyOf(state);
    return withValue(state, this.agent.onObserve(draft, observed) ?? draft);
  }

  /** A signal that sessions do not have. */
  ignore(name: string): void {
    this.#deadLetters.add({ reason: "Sessions know no signal of this name.", kind: name });
  }

  deadLetters(): DeadLetters {
    return this.#deadLetters.all;
  }

  /** Begins the turn of the oldest input; undefined where there is none. */
  startTurn(deps: TurnDeps): Turn | undefined {
    const next = this.#inbox.take();
    if (next === undefined) return undefined;
    this.#producers.apply(next.input, next.input.seq);
    const [number, version] = [this.#transcript.last + 1, ++this.#version];
    this.#turn = new Turn({ ...next, number, version, agent: this.agent, state: this.#state }, deps);
    return this.#turn;
  }

  /** Ends the last step of the running turn, because another is about to begin, and says what is to be published for it. */
  endStep(): Commit {
    const turn = this.#runningTurn();
    const end = turn.endStep();
    return this.#commit({ type: "step.ended", turn: turn.number, ...end, ...this.#commitState(turn.draft) });
  }

  /** SPEC turn-2: ends the running turn, and says what is to be published for it; undefined where readers were told before. */
  endTurn(end: TurnEnd): Commit | undefined {
    const turn = this.#runningTurn();
    const outcome = this.#shownEnd?.outcome ?? end.outcome;
    // SPEC turn-3: a failed turn leaves nothing in the state but what was observed meanwhile.
    if (outcome !== "failed") this.#state = turn.draft;
    this.#turn = undefined;
    if (this.#shownEnd !== undefined) {
      this.#shownEnd = undefined;
      this.#compareState();
      return undefined;
    }
    const { turn: ended, frame } = turn.end(end);
    const { keepTurns, shrunk } = this.#transcript.add(ended);
    const commit = { ...this.#turnEnded(ended, frame), keepTurns };
    return shrunk === undefined ? commit : { ...commit, shrunk };
  }

  #turnEnded(turn: EndedTurn, frame: TurnEndFrame): Commit {
    const changes = this.#commitState(this.#state);
    this.#observedSince = false;
    return { ...this.#commit({ ...frame, ...changes }), turn };
  }

  /** Publishes what was observed, outside a turn. */
  patchObserved(): Commit {
    this.#observedSince = false;
    return this.#commit({ type: "state.patched", ...this.#commitState(this.#state) });
  }

  #commitState(state: AgentState): { version: number; patch: ReturnType<typeof patchBetween> } {
    const patch = patchBetween(this.#committed, state);
    this.#committed = state;
    this.#version++;
    return { version: this.#version, patch };
  }

  #commit(frame: Commit["frame"]): Commit {
    return { run: this.#run, epoch: this.epoch, frame, state: this.#committed.value };
  }

  #runningTurn(): Turn {
    if (this.#turn === undefined) throw new Error("No turn is running.");
    return this.#turn;
  }

  /**
   * SPEC turn-2: a workflow task that is executed again meets what came meanwhile before the commit it had published, and
   * would publish another under its version. What readers were given stays as it is; what came since follows it. Answers the commit
   * that takes the place of `commit` under the next version, where that is still to be published.
   */
  adopt(commit: Commit, { state, turn, step }: Shown): Commit | undefined {
    this.#committed = agentState(state);
    this.#compareState();
    if (turn !== undefined) this.#adoptTurn(turn);
    if (step !== undefined) return this.#adoptStep(commit, step);
    return undefined;
  }

  #adoptTurn(turn: EndedTurn): void {
    if (turn.turn === this.#transcript.last) this.#transcript.replaceLast(turn);
    if (turn.turn !== this.#turn?.number) return;
    // The interrupt that had ended it has not come again. Its agent goes on, but no step begins any more.
    this.#transcript.add(turn);
    this.#shownEnd = turn;
    this.#turn.stop();
  }

  #adoptStep(commit: Commit, step: Step): Commit | undefined {
    const { turn, frame } = commit;
    if (turn === undefined || frame.type !== "turn.ended") {
      this.#turn?.adoptStep(step);
      return undefined;
    }
    // The turn was to go on, and an interrupt that came meanwhile has ended it. Its end follows that of the step.
    const ended = { ...turn, steps: [...turn.steps.filter((before) => before.step < step.step), step] };
    this.#transcript.replaceLast(ended);
    return { ...commit, ...this.#turnEnded(ended, { ...frame, step: undefined, parts: undefined }) };
  }

  #compareState(): void {
    this.#observedSince = this.#state.json !== this.#committed.json;
  }

  /**
   * SPEC command-2: returns the turn it stops, null where none (or another) is running. `by`: the subject that asks for it;
   * undefined where an operator does.
   */
  interrupt(number: number | undefined, by?: string): number | null {
    const turn = this.#stoppable(number);
    turn?.stop(by);
    return turn?.number ?? null;
  }

  #stoppable(number: number | undefined): Turn | undefined {
    if (this.#shownEnd !== undefined) return undefined;
    return number === undefined || number === this.#turn?.number ? this.#turn : undefined;
  }

  /** SPEC command-1, command-2: the answer to an interrupt that changes nothing; undefined for one that does. */
  idleAnswer(call: CommandCall, number: number | undefined): Json | undefined {
    const before = this.answered(call);
    if (before !== undefined) return before;
    return this.#stoppable(number) === undefined ? { turn: null } : undefined;
  }

  /** SPEC command-1. */
  answered(call: CommandCall): Json | undefined {
    return this.#answers.find(call);
  }

  answer(call: CommandCall, answer: Json): void {
    this.#answers.remember(call, answer);
  }

  sessionState(): SessionState {
    return { epoch: this.epoch, snapshot: this.snapshot() };
  }

  /**
   * SPEC snap-1. Its state is the one of its version: what was observed since comes with the next versioned frame. Where
   * much is on its way the oldest turns are left out: a Query with too large an answer fails, and readers with it.
   */
  snapshot(): Snapshot {
    const running = this.#shownEnd === undefined ? this.#turn?.toRunning() : undefined;
    const snapshot: Snapshot = {
      version: this.#version,
      agent: this.agent.name,
      state: this.#committed.value,
      turns: this.#transcript.turns,
      running: running ?? null,
      applied: this.#producers.applied(),
    };
    if (fitsPayload(snapshot)) return snapshot;
    const { turns } = this.#transcript.newestWithin(roomBeside({ ...snapshot, turns: [] }));
    return { ...snapshot, turns };
  }

  /** SPEC history-1. */
  history(query: HistoryQuery): HistoryPage {
    return this.#transcript.history(query);
  }

  /**
   * What continues as a new run; only between turns. Undefined where it would be too large: the inbox has to be worked
   * down first. With `force` the oldest turns are left behind instead; an inbox that is too large without any is not.
   */
  continued(unrepaired: boolean, force: boolean): ContinuedSession | undefined {
    const whole: ContinuedSession = {
      format: 1,
      epoch: this.epoch,
      version: this.#version,
      committed: this.#committed.value,
      ...(this.#state.json !== this.#committed.json && { state: this.#state.value }),
      turns: this.#transcript.turns,
      olderTurns: this.#transcript.olderTurns,
      lastTurn: this.#transcript.last,
      inbox: this.#inbox.waiting,
      producers: this.#producers.marks,
      commands: this.#answers.all,
      deadLetters: this.#deadLetters.all,
      unrepaired,
    };
    if (fitsPayload(whole)) return whole;
    if (!force) return undefined;
    const smaller = { ...whole, ...this.#transcript.newestWithin(roomBeside({ ...whole, turns: [], olderTurns: [] })) };
    return fitsPayload(smaller) ? smaller : undefined;
  }

  /** What the session leaves behind if its run ends now: the turn under way counts as interrupted. */
  legacy(): Legacy {
    const [left, turn, agent] = [this.continued(true, true) ?? null, this.#turn, this.agent.name];
    if (left === null || turn === undefined || this.#shownEnd !== undefined) return { agent, left };
    // SPEC snap-4: nobody is named for it.
    const { turn: ended } = turn.end({ outcome: "interrupted" });
    // As with any interrupted turn, what it changed stays.
    const state = turn.draft.json === this.#committed.json ? undefined : turn.draft.value;
    const turns = [...left.turns, ended];
    const cut = { epoch: this.epoch, turn: turn.number };
    return { agent, left: { ...left, version: left.version + 1, state, turns, lastTurn: turn.number }, cut };
  }
}

function fitsPayload(value: unknown): boolean {
  return encodedBytes(JSON.stringify(value)) <= PAYLOAD_BYTES;
}

function roomBeside(value: unknown): number {
  return PAYLOAD_BYTES - encodedBytes(JSON.stringify(value));
}
