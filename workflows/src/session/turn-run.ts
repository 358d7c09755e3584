import type { Input, RunningTurn } from "@holdfast/contract/snapshot";
import type { ModelRequest, RespondResult } from "@holdfast/contract/temporal";
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
  #remainingMs: number;
  #finished = 0;
  #underWay = false;
  #text = "";
  #stopped = false;
  #ended = false;
  #failure: TurnFailure | undefined;

  constructor(turn: number, input: Input, version: number, deadlineSeconds: number) {
    this.turn = turn;
    this.input = input;
    this.version = version;
    this.#remainingMs = deadlineSeconds * 1_000;
  }

  /** Text of the finished steps. */
  get text(): string {
    return this.#text;
  }

  /** An interrupt was asked for, or a step came back saying that it was stopped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** No step has finished: the worker may never have written `turn.started`. */
  get unheard(): boolean {
    return this.#finished === 0;
  }

  /** A step is under way. */
  get busy(): boolean {
    return this.#underWay;
  }

  stop(): void {
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
    return { step: this.#finished + 1, request, remainingMs: this.#remainingMs };
  }

  stepFinished(result: RespondResult): void {
    this.#underWay = false;
    this.#finished++;
    this.#text += result.text;
    this.#remainingMs -= result.spentMs;
    if (result.stopped) this.#stopped = true;
  }

  /**
   * How long a failed step took is not known, so only a refusal, which is prompt, leaves time for another one; retries
   * within retries would outlast any deadline.
   */
  stepFailed(failure: TurnFailure): void {
    this.#underWay = false;
    if (failure.code !== "model_refused") this.#failure = failure;
  }

  /** The step was cancelled before it could answer. `held`: the turn's partial text as readers have it, if known. */
  stepCancelled(held: string | undefined): void {
    this.#underWay = false;
    if (held?.startsWith(this.#text)) this.#text = held;
  }

  /** SPEC snap-3, as far as the workflow knows: partial text of the step under way is in the session log only. */
  toRunning(): RunningTurn {
    const step = this.#underWay ? this.#finished + 1 : Math.max(1, this.#finished);
    return { turn: this.turn, inputs: [this.input], step, attempt: 1, index: 0, text: this.#text };
  }
}
