import {
  boundTurns,
  emptySnapshot,
  type JsonObject,
  type PatchOperation,
  type SessionKey,
  type Snapshot,
  type TurnStartedBody,
} from "@holdfast/contract";
import type { Commit, SessionLog } from "../src/index.ts";
import { ModelAttempt } from "./model-attempt.ts";
import { ended, patched, started } from "./story.ts";

/** A session as its workflow and its activities make it: `truth`, and what they write to a log that loses things. */
export class ModelSession {
  /** What the workflow answers a Query: of a running turn it knows the text of earlier steps only. */
  truth: Snapshot = emptySnapshot("concierge");
  /** What was true of the session before it began again, each time. */
  readonly past: Snapshot[] = [];
  readonly attempts: ModelAttempt[] = [];
  readonly #log: SessionLog;
  readonly #key: SessionKey;
  readonly #commits: Commit[] = [];
  #started: TurnStartedBody | undefined;

  constructor(log: SessionLog, key: SessionKey) {
    this.#log = log;
    this.#key = key;
  }

  get live(): ModelAttempt | undefined {
    return this.truth.running === null ? undefined : this.attempts.at(-1);
  }

  get epoch(): number {
    return 1 + this.past.length;
  }

  /** The workflow was ended and its name is used again; its attempts and commits may still be on their way. */
  beginAgain(): void {
    this.past.push(this.truth);
    this.truth = emptySnapshot("concierge");
    this.#started = undefined;
  }

  async startTurn(): Promise<void> {
    const turn = (this.truth.turns.at(-1)?.turn ?? 0) + 1;
    const version = this.truth.version + 1;
    this.#started = started(turn, version);
    const { inputs, applied } = this.#started;
    const running = { turn, inputs, step: 1, attempt: 1, index: 0, text: "" };
    this.truth = { ...this.truth, version, running, applied: { ...this.truth.applied, ...applied } };
    await this.#attempt(1, 1, true);
  }

  async retry(goesOn: boolean): Promise<void> {
    const { live } = this;
    if (live !== undefined) await this.#attempt(live.fence.step, live.fence.attempt + 1, goesOn);
  }

  async nextStep(): Promise<void> {
    const { live, truth } = this;
    if (live === undefined || truth.running === null) return;
    const step = live.fence.step + 1;
    this.truth = { ...truth, running: { ...truth.running, step, text: live.text } };
    await this.#attempt(step, 1, true);
  }

  /**
   * `ghost`: the workflow's run that published other content under the same version before. The same one executed a workflow
   * task twice, another was reset by an operator.
   */
  async endTurn(publishes: boolean, ghost?: "same run" | "another run"): Promise<void> {
    const { live, truth } = this;
    if (live === undefined) return;
    const version = truth.version + 1;
    const { state, patch } = this.#newState(version);
    const { epoch } = this;
    const commit = { ...ended(live.fence.turn, version, live.text, state, patch), epoch };
    const turns = boundTurns([...truth.turns, ...(commit.turn === undefined ? [] : [commit.turn])]);
    this.truth = { ...truth, version, state, turns, running: null };
    if (ghost !== undefined) {
      const run = ghost === "same run" ? commit.run : "run-0";
      await this.#log.commit(this.#key, { ...commit, ...ghostOf(commit), run });
    }
    await this.#publish({ ...commit, keepTurns: turns.length }, publishes || ghost !== undefined);
  }

  async patchState(publishes: boolean): Promise<void> {
    const version = this.truth.version + 1;
    const { state, patch } = this.#newState(version);
    this.truth = { ...this.truth, version, state };
    await this.#publish({ ...patched(version, state, patch), epoch: this.epoch }, publishes);
  }

  /** An old publish arrives once more. */
  async republish(which: number): Promise<void> {
    const commit = this.#commits.at(-1 - (which % (this.#commits.length || 1)));
    if (commit !== undefined) await this.#log.commit(this.#key, commit);
  }

  async heal(): Promise<void> {
    await this.#log.putSnapshot(this.#key, { epoch: this.epoch, snapshot: this.truth });
  }

  async #publish(commit: Commit, publishes: boolean): Promise<void> {
    this.#commits.push(commit);
    const answer = publishes ? await this.#log.commit(this.#key, commit) : "duplicate";
    if (typeof answer === "string") return;
    const { state, turn } = answer;
    const { turns } = this.truth;
    this.truth = { ...this.truth, state, turns: turn === undefined ? turns : [...turns.slice(0, -1), turn] };
  }

  async #attempt(step: number, attempt: number, goesOn: boolean): Promise<void> {
    if (this.#started === undefined) return;
    const fence = { epoch: this.epoch, turn: this.#started.turn, step, attempt };
    const before = this.truth.running?.text ?? "";
    const next = new ModelAttempt(this.#log, this.#key, fence, this.#started, before);
    this.attempts.push(next);
    await next.begin(goesOn, this.truth.turns);
  }

  #newState(version: number): { state: JsonObject; patch: PatchOperation[] } {
    const state = { ...this.truth.state, at: version, [`v${version % 3}`]: [version] };
    const patch = Object.entries(state).map(([name, value]) => ({ op: "add" as const, path: `/${name}`, value }));
    return { state, patch };
  }
}

function ghostOf({ frame, state }: Commit): Pick<Commit, "frame" | "state"> {
  const patch: PatchOperation[] = [...frame.patch, { op: "add", path: "/ghost", value: true }];
  return { frame: { ...frame, patch }, state: { ...state, ghost: true } };
}
