import {
  type BodyOf,
  boundTurns,
  emptySnapshot,
  type Input,
  type JsonObject,
  markOf,
  type PatchOperation,
  type Question,
  type RunningTurn,
  type SessionKey,
  type Snapshot,
  type Step,
  type Turn,
} from "@holdfast/contract";
import type { Commit, SessionLog, Shown } from "../src/index.ts";
import { ModelAttempt } from "./model-attempt.ts";
import { inputOf, joined, patched, running, started, waiting } from "./story.ts";

/**
 * What the workflow had published under a version before it comes to another content: the same run executed a workflow task twice,
 * another was reset by an operator. `another frame`: its task came to another frame.
 */
export type Ghost = "same run" | "another frame" | "another run";

const QUESTION: Question = { id: "q1", title: "May it?", of: "owner" };

/** A session as its workflow and its activities make it: `truth`, and what they write to a log that loses things. */
export class ModelSession {
  /** What the workflow answers a Query: of a running turn it knows the steps that have ended. */
  truth: Snapshot = emptySnapshot("concierge");
  /** What was true of the session before it began again, each time. */
  readonly past: Snapshot[] = [];
  readonly attempts: ModelAttempt[] = [];
  readonly #log: SessionLog;
  readonly #key: SessionKey;
  readonly #commits: Commit[] = [];
  #started: BodyOf<"turn.started"> | undefined;
  #joined = 0;

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
    const applied = { ...this.truth.applied, ...this.#started.applied };
    this.truth = { ...this.truth, version, running: running(turn), applied };
    await this.#attempt(1, true);
  }

  async retry(goesOn: boolean): Promise<void> {
    const { live } = this;
    if (live !== undefined) await this.#attempt(live.fence.attempt + 1, goesOn);
  }

  async nextStep(publishes: boolean, ghost?: Ghost): Promise<void> {
    const { live, truth } = this;
    if (live === undefined || truth.running === null) return;
    const commit = this.#stepEnd(live, this.#newState());
    const other = ghost === "another frame" ? this.#turnEnd(live, this.#newState()) : commit;
    await this.#commit(commit, publishes, ghost && ghostOf(other, ghost));
    if (this.truth.running !== null) await this.#attempt(1, true);
  }

  async endTurn(publishes: boolean, ghost?: Ghost): Promise<void> {
    const { live } = this;
    if (live === undefined) return;
    const commit = this.#turnEnd(live, this.#newState());
    const other = ghost === "another frame" ? this.#stepEnd(live, this.#newState()) : commit;
    await this.#commit(commit, publishes, ghost && ghostOf(other, ghost));
    if (this.truth.running !== null) await this.#attempt(1, true);
  }

  async patchState(publishes: boolean): Promise<void> {
    const { state, patch } = this.#newState();
    await this.#commit(patched(this.truth.version + 1, state, patch), publishes);
  }

  async join(publishes: boolean): Promise<void> {
    const { version, state, running: turn } = this.truth;
    if (turn === null) return;
    const seq = ++this.#joined;
    const input: Input = { ...inputOf(turn.turn), by: "bob", producer: "tab-9", seq };
    const commit = joined(turn.turn, version + 1, [input], { "bob/tab-9": seq });
    await this.#commit({ ...commit, state }, publishes);
  }

  async ask(publishes: boolean): Promise<void> {
    const { version, state, running: turn } = this.truth;
    if (turn === null) return;
    const commit = waiting(turn.turn, version + 1, turn.questions.length === 0 ? [QUESTION] : []);
    await this.#commit({ ...commit, state }, publishes);
  }

  async notify(): Promise<void> {
    await this.#log.notice(this.#key, this.epoch, "progress", { at: this.truth.version });
  }

  /** An old publish arrives once more. */
  async republish(which: number): Promise<void> {
    const commit = this.#commits.at(-1 - (which % (this.#commits.length || 1)));
    if (commit !== undefined) await this.#log.commit(this.#key, commit);
  }

  async repair(): Promise<void> {
    await this.#log.putSnapshot(this.#key, { epoch: this.epoch, snapshot: this.truth });
  }

  /** `ghost`: what was published before. */
  async #commit(content: Commit, publishes: boolean, ghost?: Commit): Promise<void> {
    const { truth, epoch } = this;
    const commit = { ...content, epoch };
    this.truth = after(truth, shownBy(commit));
    if (ghost !== undefined) await this.#log.commit(this.#key, { ...ghost, epoch });
    this.#commits.push(commit);
    if (!publishes && ghost === undefined) return;
    const answer = await this.#log.commit(this.#key, commit);
    if (answer.outcome === "shown") this.truth = after(truth, answer.shown);
  }

  async #attempt(attempt: number, goesOn: boolean): Promise<void> {
    const { truth, epoch } = this;
    if (this.#started === undefined || truth.running === null) return;
    const fence = { epoch, turn: truth.running.turn, step: truth.running.step, attempt };
    const known = { turns: truth.turns, steps: truth.running.steps };
    const next = new ModelAttempt(this.#log, this.#key, fence, this.#started, known);
    this.attempts.push(next);
    await next.begin(goesOn);
  }

  #stepEnd({ covers, fence: { turn } }: ModelAttempt, { state, patch }: Change): Commit {
    const frame = { type: "step.ended" as const, version: this.truth.version + 1, turn, ...covers, patch };
    return { run: "run-1", epoch: this.epoch, frame, state };
  }

  #turnEnd({ covers, fence: { turn } }: ModelAttempt, { state, patch }: Change): Commit {
    const { turns, version, running: begun } = this.truth;
    if (begun === null) throw new Error("No turn runs.");
    const end = { outcome: "completed" as const, finish: "stop" as const };
    const { origin, inputs, steps } = begun;
    const { step, attempt, parts } = covers;
    const committed: Turn = { turn, origin, inputs, steps: [...steps, { step, attempt, parts }], ...end };
    const frame = { type: "turn.ended" as const, version: version + 1, turn, ...end, ...covers, patch };
    const keepTurns = boundTurns([...turns, committed]).length;
    return { run: "run-1", epoch: this.epoch, frame, state, turn: committed, keepTurns };
  }

  #newState(): Change {
    const version = this.truth.version + 1;
    const state = { ...this.truth.state, at: version, [`v${version % 3}`]: [version] };
    const patch = Object.entries(state).map(([name, value]) => ({ op: "add" as const, path: `/${name}`, value }));
    return { state, patch };
  }
}

interface Change {
  state: JsonObject;
  patch: PatchOperation[];
}

/** The same frame as other content, or as it is where it is another frame than what follows. */
function ghostOf(commit: Commit, ghost: Ghost): Commit {
  const run = ghost === "another run" ? "run-0" : commit.run;
  const { frame, state } = commit;
  if (ghost === "another frame" || !("patch" in frame)) return { ...commit, run };
  const patch: PatchOperation[] = [...frame.patch, { op: "add", path: "/ghost", value: true }];
  return { ...commit, run, frame: { ...frame, patch }, state: { ...state, ghost: true } };
}

/** What a commit tells readers, in the words of what a run adopts. */
function shownBy({ frame, state, turn }: Commit): Shown {
  switch (frame.type) {
    case "step.ended": {
      const { step, attempt, parts } = frame;
      return { type: frame.type, state, step: { step, attempt, parts } };
    }
    case "turn.ended":
      return { type: frame.type, state, ...(turn !== undefined && { turn }) };
    case "inputs.joined":
      return { type: frame.type, state, inputs: frame.inputs };
    case "turn.waiting":
      return { type: frame.type, state, questions: frame.questions };
    case "state.patched":
      return { type: frame.type, state };
  }
}

function after(before: Snapshot, { type, state, turn, step, inputs = [], questions = [] }: Shown): Snapshot {
  const next = { ...before, version: before.version + 1, state };
  const begun = before.running;
  if (type === "state.patched" || begun === null) return next;
  switch (type) {
    case "turn.ended":
      return { ...next, turns: boundTurns([...before.turns, ...(turn === undefined ? [] : [turn])]), running: null };
    case "step.ended":
      return { ...next, running: afterStep(begun, step) };
    case "turn.waiting":
      return { ...next, running: { ...begun, questions } };
    case "inputs.joined": {
      const marks = Object.fromEntries(inputs.map(({ by, producer, seq }) => [markOf(by, producer), seq]));
      const others = inputs.filter(
        ({ by, seq }) => !begun.inputs.some((input) => input.by === by && input.seq === seq),
      );
      return {
        ...next,
        running: { ...begun, inputs: [...begun.inputs, ...others] },
        applied: { ...before.applied, ...marks },
      };
    }
  }
}

function afterStep(begun: RunningTurn, step: Step | undefined): RunningTurn {
  if (step === undefined) throw new Error("The end of a step has no step.");
  return { ...begun, steps: [...begun.steps, step], step: step.step + 1 };
}
