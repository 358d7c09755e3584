import {
  type Applied,
  boundTurns,
  emptySnapshot,
  type Input,
  type PatchOperation,
  runningTurn,
  type SessionKey,
  type Snapshot,
  type Turn,
} from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";

/** Writes one session's log as its workflow and its model activity do, and keeps what the workflow would know. */
export class LogWriter {
  readonly key: SessionKey;
  readonly epoch = 1;
  snapshot: Snapshot;
  log: SessionLog;
  #turn = 0;
  #index = 0;
  #text = "";

  constructor(log: SessionLog, key: SessionKey, agent = "echo") {
    this.log = log;
    this.key = key;
    this.snapshot = emptySnapshot(agent);
  }

  async begin(applied: Applied = {}, text = `question ${this.#turn + 1}`): Promise<void> {
    const turn = ++this.#turn;
    const input: Input = { by: this.key.owner, producer: "p", seq: turn, origin: "user", at: 0, text };
    const { agent } = this.snapshot;
    const version = this.snapshot.version + 1;
    const begun = { turn, origin: input.origin, inputs: [input] };
    const running = runningTurn(begun);
    this.snapshot = { ...this.snapshot, version, running, applied: { ...this.snapshot.applied, ...applied } };
    this.#index = 0;
    this.#text = "";
    await this.log.begin(this.key, this.#fence(), { type: "turn.started", version, agent, ...begun, applied });
  }

  /** Rejects where the log does not take it. */
  async say(text: string): Promise<void> {
    const begins = this.#text === "" ? ({ begins: "text" } as const) : {};
    this.#text += text;
    const growth = { type: "delta", at: 0, ...begins, text } as const;
    const { outcome } = await this.log.write(this.key, this.#fence(), ++this.#index, growth);
    if (outcome !== "appended") throw new Error(`The log answered ${outcome} to a delta.`);
  }

  /** `state`: what the agent's state is after `patch`. */
  async end(state: Snapshot["state"] = this.snapshot.state, patch: PatchOperation[] = []): Promise<void> {
    this.commitOnly(state);
    const turn = this.snapshot.turns.at(-1);
    const step = turn?.steps.at(-1);
    if (turn === undefined || step === undefined) throw new Error("No turn ended.");
    const { version, turns } = this.snapshot;
    const { outcome, finish } = turn;
    const end = { ...step, index: this.#index, outcome, finish, patch };
    const frame = { type: "turn.ended", version, turn: turn.turn, ...end } as const;
    const { epoch } = this;
    await this.log.commit(this.key, { run: "run-1", epoch, frame, state, turn, keepTurns: turns.length });
  }

  /** The workflow commits the turn's end, and the log hears nothing of it. */
  commitOnly(state = this.snapshot.state): void {
    const turn: Turn = {
      turn: this.#turn,
      origin: "user",
      inputs: this.snapshot.running?.inputs ?? [],
      steps: [{ step: 1, attempt: 1, parts: this.#text === "" ? [] : [{ type: "text", text: this.#text }] }],
      outcome: "completed",
      finish: "stop",
    };
    const turns = boundTurns([...this.snapshot.turns, turn]);
    this.snapshot = { ...this.snapshot, version: this.snapshot.version + 1, running: null, state, turns };
  }

  async turn(...texts: string[]): Promise<void> {
    await this.begin();
    for (const text of texts) await this.say(text);
    await this.end();
  }

  #fence(): { epoch: number; turn: number; step: number; attempt: number } {
    return { epoch: this.epoch, turn: this.#turn, step: 1, attempt: 1 };
  }
}
