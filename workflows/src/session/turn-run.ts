import type { Finish, Input, RunningTurn, TurnOutcome } from "@holdfast/contract/snapshot";
import type { ModelRequest, RespondResult } from "@holdfast/internal/temporal";
import { TurnFailure, TurnStopped } from "./turn-failure.ts";

/** One step to be run. */
export interface Step {
  readonly step: number;
  readonly request: ModelRequest;
  /** Milliseconds the turn has left. */
  readonly remainingMs: number;
}

/** The turn under way: its steps, its text, its deadline, whether it is to stop. */
export class TurnRun {
  readonly turn: number;
  readonly input: Input;
  /** The session's version once `turn.started` is applied. */
  readonly version: number;
  /** Counted by what workers say they spent. Temporal's clock and a worker's may be minutes apart, and are never compared. */
  #remainingMs: number;
  #begun = 0;
  #isHeard = false;
  #underWay = false;
  #said = "";
  /** What readers hold of a step that came to nothing. The next step voids it. */
  #broken = "";
  #finish: Finish = "stop";
  #stopped = false;
  #stoppedBy: string | undefined;
  #ended = false;
  #failure: TurnFailure | undefined;

  constructor(turn: number, input: Input, version: number, deadlineSeconds: number) {
    this.turn = turn;
    this.input = input;
    this.version = version;
    this.#remainingMs = deadlineSeconds * 1_000;
  }

  /** Text of the finished steps. */
  get said(): string {
    return this.#said;
  }

  /** All of the turn's text: what a step had said that then failed or was stopped stays. */
  get text(): string {
    return this.#said + this.#broken;
  }

  /** An interrupt was asked for, or a step came back saying that it was stopped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** No step has finished: the worker may never have written `turn.started`. */
  get unheard(): boolean {
    return !this.#isHeard;
  }

  /** A step is under way. */
  get busy(): boolean {
    return this.#underWay;
  }

  /** Undefined unless a subject asked for the interrupt. */
  get stoppedBy(): string | undefined {
    return this.#stoppedBy;
  }

  /** `by`: the subject that asks for it. The first one counts. */
  stop(by?: string): void {
    if (!this.#stopped) this.#stoppedBy = by;
    this.#stopped = true;
  }

  /** The turn is over, though code its agent did not wait for may still be on its way. */
  get ended(): boolean {
    return this.#ended;
  }

  end(): void {
    this.#ended = true;
  }

  /** Throws TurnStopped after an interrupt, and the same TurnFailure again once the turn's time or retries are spent. */
  beginStep(request: ModelRequest): Step {
    if (this.#underWay) throw new Error("A turn runs one step at a time: await turn.reply() before the next one.");
    if (this.#stopped) throw new TurnStopped();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#remainingMs <= 0) throw new TurnFailure("turn_deadline", "The turn took longer than its agent allows.");
    this.#underWay = true;
    this.#broken = "";
    // A number of its own for one that follows a failed step, too: its attempts count from 1 again, and the log refuses
    // whoever comes with a number and an attempt below what it has seen.
    return { step: ++this.#begun, request, remainingMs: this.#remainingMs };
  }

  stepFinished(result: RespondResult): void {
    this.#underWay = false;
    this.#isHeard = true;
    this.#said += result.text;
    this.#finish = result.finish;
    this.#remainingMs -= result.spentMs;
    if (result.finish === "interrupted") this.#stopped = true;
  }

  /**
   * How long a failed step took is not known, so only what fails promptly, like a refusal, leaves time for another one;
   * retries within retries would outlast any deadline.
   */
  stepFailed(failure: TurnFailure): void {
    this.#finish = "error";
    if (failure.code === "model_unavailable" || failure.code === "turn_deadline") this.#failure = failure;
  }

  /** The step under way ends without an answer. `held`: the turn's partial text as readers have it, if known. */
  stepBroke(held: string | undefined): void {
    this.#underWay = false;
    if (held?.startsWith(this.#said)) this.#broken = held.slice(this.#said.length);
  }

  /** SPEC frame-3: why the text ends where it does. */
  finish(outcome: TurnOutcome): Finish {
    switch (outcome) {
      case "completed":
        return this.#finish;
      case "interrupted":
        return "interrupted";
      case "failed":
        return "error";
    }
  }

  /** SPEC snap-3, as far as the workflow knows: partial text of the step under way is in the session log only. */
  toRunning(): RunningTurn {
    const step = Math.max(1, this.#begun);
    return { turn: this.turn, inputs: [this.input], step, attempt: 1, index: 0, text: this.text };
  }
}
