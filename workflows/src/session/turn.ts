import { partLength, textOfParts } from "@holdfast/contract/bounds";
import type { BodyOf } from "@holdfast/contract/frames";
import type { JsonObject } from "@holdfast/contract/json";
import { markOf } from "@holdfast/contract/marks";
import type { Part } from "@holdfast/contract/parts";
import type { Applied } from "@holdfast/contract/snapshot";
import type { Finish, Input, RunningTurn, Step, Turn as EndedTurn, TurnOutcome, Usage } from "@holdfast/contract/turn";
import type { HeldStep, ModelRequest, StepRequest, StepResult } from "@holdfast/internal/temporal";
import { ContinueAsNew } from "@temporalio/workflow";
import type { Agent, AgentTurn, Recipe, Reply } from "../agents/define-agent.ts";
import { type AgentState, copyOf, withValue } from "./agent-state.ts";
import { guardLoops } from "./loop-guard.ts";
import { agentFailure, type Defect, stepFailure, TurnFailure, TurnStopped } from "./turn-failure.ts";

export interface TurnOptions {
  readonly number: number;
  readonly input: Input;
  /** SPEC trace-1. */
  readonly traceparent?: string;
  /** The session's version once `turn.started` is applied. */
  readonly version: number;
  readonly agent: Agent;
  /** The agent's state as the turn finds it. */
  readonly state: AgentState;
}

/** What a turn needs of its session. */
export interface TurnDeps {
  /** Runs a step on the session's lane. Rejects where it failed for good, or was cancelled before it answered. */
  respond(call: StepCall): Promise<StepResult>;
  /** Publishes that the last step has ended, because another is about to begin. */
  publishStep(turn: Turn): Promise<void>;
  /** What readers hold of the step under way, if the log can tell. */
  heldStep(turn: Turn): Promise<HeldStep | undefined>;
  /** The agent's code threw an error that only its author can correct. */
  onDefect(turn: Turn, defect: Defect): void;
  log: { error(message: string, attributes: Record<string, unknown>): void };
}

/** One step to be run. */
export type StepCall = Omit<StepRequest, "key" | "epoch">;

export type TurnEnd =
  | { outcome: "completed" }
  /** `by`: the subject that asked for it, absent where an operator did. */
  | { outcome: "interrupted"; by?: string }
  | { outcome: "failed"; failure: TurnFailure };

/** What a step made, and the place in the log up to which readers hold it. */
interface Made {
  readonly attempt: number;
  readonly index: number;
  readonly parts: Part[];
}

/** How a step ended, as its frame says it (SPEC end-1). */
interface StepEnd extends Made {
  readonly step: number;
}

/** A `turn.ended` before the session has given it its version and its patch. */
export type TurnEndFrame = Omit<BodyOf<"turn.ended">, "version" | "patch">;

/**
 * SPEC end-1: attempt 0 means that the attempt is not known. A log's head never has it, so the log adds the parts to the frame that
 * ends the step, and readers take those.
 */
const UNKNOWN = { attempt: 0, index: 0 } as const;

/** The last step, until readers have been told of its end. */
type CurrentStep =
  | { readonly state: "running" }
  | { readonly state: "finished"; readonly made: Made }
  /** It came to nothing. `made` is what readers hold of it; another step that begins voids it. */
  | { readonly state: "broken"; readonly made: Made };

/**
 * The turn under way: its steps, the state it changes, its deadline, and whether it is to stop. It is what the agent's code is given, too,
 * by its narrower type `AgentTurn`. It waits for its steps alone, and knows nothing of Temporal.
 */
export class Turn implements AgentTurn<JsonObject> {
  readonly number: number;
  readonly input: Input;
  /** The session's version once `turn.started` is applied. */
  readonly version: number;
  readonly #trace: { readonly traceparent?: string };
  readonly #agent: Agent;
  readonly #deps: TurnDeps;
  /** The state with this turn's updates. The session's own does not have them before the turn's end; a failed turn drops them. */
  #draft: AgentState;
  /** Those that readers were told have ended. */
  readonly #steps: Step[] = [];
  #current: CurrentStep | undefined;
  /** A reply is under way. */
  #isBusy = false;
  /** A worker has finished a step, and so has written `turn.started`. */
  #isHeard = false;
  /** Counted by what workers say they spent. Temporal's clock and a worker's may be minutes apart, and are never compared. */
  #remainingMs: number;
  #finish: Finish = "stop";
  #usage: Usage | undefined;
  #model: string | undefined;
  #isStopped = false;
  #stoppedBy: string | undefined;
  /** The agent's code has ended, though a reply it did not wait for may still be on its way. */
  #isOver = false;
  /** After it no step begins. */
  #failure: TurnFailure | undefined;

  constructor({ number, input, traceparent, version, agent, state }: TurnOptions, deps: TurnDeps) {
    this.number = number;
    this.input = input;
    this.version = version;
    this.#trace = traceparent === undefined ? {} : { traceparent };
    this.#agent = agent;
    this.#deps = deps;
    this.#draft = state;
    this.#remainingMs = agent.deadlineSeconds * 1_000;
  }

  /** Runs the agent's code to its end, however it ends. Rejects only with what Temporal throws to end a run. */
  async run(): Promise<TurnEnd> {
    guardLoops();
    try {
      await this.#agent.onTurn(this);
      return this.#isStopped ? this.#interrupted() : { outcome: "completed" };
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      // Whatever an agent makes of the TurnStopped it got.
      if (this.#isStopped) return this.#interrupted();
      const { failure, defect } = agentFailure(error);
      if (defect !== undefined) this.#deps.onDefect(this, defect);
      return { outcome: "failed", failure };
    } finally {
      this.#isOver = true;
    }
  }

  #interrupted(): TurnEnd {
    return { outcome: "interrupted", ...(this.#stoppedBy !== undefined && { by: this.#stoppedBy }) };
  }

  get state(): JsonObject {
    return copyOf(this.#draft);
  }

  update(change: Partial<JsonObject> | Recipe<JsonObject>): void {
    if (this.#isOver) {
      this.#deps.log.error("an update came after its turn and is dropped", { turn: this.number });
      return;
    }
    const draft = copyOf(this.#draft);
    const changed = typeof change === "function" ? (change(draft) ?? draft) : { ...draft, ...change };
    this.#draft = withValue(this.#draft, changed);
  }

  reply(request: ModelRequest = {}): Promise<Reply> {
    const reply = this.#reply({ ...this.#agent.model, ...request });
    // A rejection nobody handles, because the agent did not wait, would fail the workflow task.
    reply.catch(() => {});
    return reply;
  }

  /** Never settles once the turn is over: what its agent did not wait for must not go on from here. */
  async #reply(request: ModelRequest): Promise<Reply> {
    if (this.#isOver) return never();
    this.#checkThatStepMayBegin();
    this.#isBusy = true;
    if (this.#current !== undefined) {
      await this.#deps.publishStep(this);
      if (this.#isOver) return never();
      if (this.#isStopped) {
        this.#isBusy = false;
        throw new TurnStopped();
      }
    }
    this.#current = { state: "running" };
    try {
      const result = await this.#deps.respond(this.#stepCall(request));
      if (this.#isOver) return await never();
      this.#finishStep(result);
      guardLoops();
      return replyOf(result);
    } catch (error) {
      if (this.#isOver) return never();
      const held = await this.#deps.heldStep(this);
      if (this.#isOver) return never();
      this.breakStep(held);
      guardLoops();
      // An interrupt ends the step in whatever way comes first: cancellation, or an attempt that fails, or whose worker dies,
      // and is not retried because cancellation was asked for. Either way readers keep what they have.
      if (this.#isStopped) throw new TurnStopped();
      throw this.#failed(stepFailure(error));
    }
  }

  /** Throws TurnStopped after an interrupt, and the same TurnFailure again once the turn's time or retries are spent. */
  #checkThatStepMayBegin(): void {
    if (this.#isBusy) throw new Error("A turn runs one step at a time: await turn.reply() before the next one.");
    if (this.#isStopped) throw new TurnStopped();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#remainingMs <= 0) throw new TurnFailure("turn_deadline", "The turn took longer than its agent allows.");
  }

  #stepCall(request: ModelRequest): StepCall {
    const partsBefore = this.#steps.flatMap(({ parts }) => parts);
    return {
      agent: this.#agent.name,
      ...this.#begun,
      applied: this.#applied,
      step: this.#step,
      startedVersion: this.version,
      lengthBefore: partsBefore.reduce((length, part) => length + partLength(part), 0),
      budgetMs: this.#remainingMs,
      request,
      ...this.#trace,
    };
  }

  #finishStep(result: StepResult): void {
    const { attempt, index, parts, finish, model, usage, spentMs } = result;
    this.#isBusy = false;
    this.#isHeard = true;
    const place = index === undefined ? UNKNOWN : { attempt, index };
    this.#current = { state: "finished", made: { ...place, parts } };
    this.#finish = finish;
    this.#usage = sumOf(this.#usage, usage);
    this.#model = model;
    this.#remainingMs -= spentMs;
    if (finish === "interrupted") this.#isStopped = true;
  }

  /**
   * How long a failed step took is not known, so only what fails promptly, like a refusal, leaves time for another one;
   * retries within retries would outlast any deadline.
   */
  #failed(failure: TurnFailure): TurnFailure {
    this.#finish = "error";
    if (failure.code === "model_unavailable" || failure.code === "turn_deadline") this.#failure = failure;
    return failure;
  }

  /** The step under way, if any, ends without an answer. `held`: what readers hold of it, if known. */
  breakStep(held: HeldStep | undefined): void {
    this.#isBusy = false;
    if (this.#current?.state !== "running") return;
    const isHeld = held?.step === this.#step;
    this.#current = { state: "broken", made: isHeld ? held : { ...UNKNOWN, parts: [] } };
  }

  /** Ends the last step, because another is about to begin: that one voids what a broken step had made. */
  endStep(): StepEnd {
    const { attempt, index, parts } =
      this.#current?.state === "finished" ? this.#current.made : { ...UNKNOWN, parts: [] };
    const step = this.#step;
    const end = { step, attempt, index, parts };
    this.#steps.push(stepOf(end));
    this.#current = undefined;
    return end;
  }

  /** What readers were given as the last step that ended: see `Session.adopt`. */
  adoptStep(step: Step): void {
    this.#steps.splice(-1, 1, step);
  }

  /** The turn as it ends, and the frame that tells so. That frame ends the last step, too, unless readers were told of its end. */
  end(end: TurnEnd): { turn: EndedTurn; frame: TurnEndFrame } {
    const made = this.#made;
    const last = made && { step: this.#step, ...made };
    const ending = {
      outcome: end.outcome,
      finish: this.#finishOf(end.outcome),
      ...(this.#usage !== undefined && { usage: this.#usage }),
      ...(this.#model !== undefined && { model: this.#model }),
      ...(end.outcome === "failed" && { error: end.failure.toError() }),
      ...(end.outcome === "interrupted" && end.by !== undefined && { by: end.by }),
    };
    const steps = last === undefined ? [...this.#steps] : [...this.#steps, stepOf(last)];
    const turn: EndedTurn = { ...this.#begun, steps, ...ending };
    return { turn, frame: { type: "turn.ended", turn: this.number, ...ending, ...(last ?? UNKNOWN) } };
  }

  /** SPEC snap-3. Of a step that runs it says nothing: what that one has made so far is in the session log alone. */
  toRunning(): RunningTurn {
    const { attempt, index, parts } = this.#made ?? { ...UNKNOWN, parts: [] };
    return {
      ...this.#begun,
      steps: [...this.#steps],
      step: this.#step,
      attempt: Math.max(1, attempt),
      index,
      parts,
      questions: [],
    };
  }

  /** What readers are told of the turn's beginning. */
  started(): BodyOf<"turn.started"> {
    const { version } = this;
    const agent = this.#agent.name;
    return { type: "turn.started", version, agent, ...this.#begun, applied: this.#applied, ...this.#trace };
  }

  /** `by`: the subject that asks for it, undefined where an operator does. The first one counts. */
  stop(by?: string): void {
    if (!this.#isStopped) this.#stoppedBy = by;
    this.#isStopped = true;
  }

  /** An interrupt was asked for, or a step came back saying that it was stopped. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  get isHeard(): boolean {
    return this.#isHeard;
  }

  get draft(): AgentState {
    return this.#draft;
  }

  /** The draft as it is with what was observed meanwhile. */
  set draft(draft: AgentState) {
    this.#draft = draft;
  }

  /** Number of the last step that began and has not ended, or else of the next one. */
  get #step(): number {
    return this.#steps.length + 1;
  }

  get #begun(): { turn: number; origin: Input["origin"]; inputs: Input[] } {
    return { turn: this.number, origin: this.input.origin, inputs: [this.input] };
  }

  get #applied(): Applied {
    return { [markOf(this.input.by, this.input.producer)]: this.input.seq };
  }

  get #made(): Made | undefined {
    return this.#current === undefined || this.#current.state === "running" ? undefined : this.#current.made;
  }

  /** SPEC frame-3: why the answer ends where it does. */
  #finishOf(outcome: TurnOutcome): Finish {
    switch (outcome) {
      case "completed":
        return this.#finish;
      case "interrupted":
        return "interrupted";
      case "failed":
        return "error";
    }
  }
}

function stepOf({ step, attempt, parts }: StepEnd): Step {
  return { step, attempt, parts };
}

function replyOf({ parts, finish, model, usage }: StepResult): Reply {
  return { text: textOfParts(parts), parts, finish, model, ...(usage !== undefined && { usage }) };
}

/** Servers need not tell: what none has told stays unknown. */
function sumOf(before: Usage | undefined, more: Usage | undefined): Usage | undefined {
  if (before === undefined || more === undefined) return before ?? more;
  const sum: Usage = { ...before };
  for (const tokens of ["inputTokens", "outputTokens"] as const) {
    const added = more[tokens];
    if (added !== undefined) sum[tokens] = (sum[tokens] ?? 0) + added;
  }
  return sum;
}

function never(): Promise<never> {
  return new Promise(() => {});
}
