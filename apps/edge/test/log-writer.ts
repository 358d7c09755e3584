import {
  boundTurns,
  emptySnapshot,
  type Input,
  type SessionKey,
  type Snapshot,
  type TurnEndedBody,
  type TurnStartedBody,
} from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";
import type { Fixture } from "./fixture.ts";

/** Writes one session's log as its workflow and its model activity do, and keeps what the workflow would know. */
export class LogWriter {
  readonly key: SessionKey;
  readonly epoch = 1;
  snapshot: Snapshot = emptySnapshot("echo");
  log: SessionLog;
  readonly #fixture: Fixture;
  #turn = 0;
  #index = 0;
  #text = "";

  constructor(fixture: Fixture, log: SessionLog, key: SessionKey) {
    this.#fixture = fixture;
    this.log = log;
    this.key = key;
  }

  async begin(applied: Snapshot["applied"] = {}): Promise<void> {
    const turn = ++this.#turn;
    const inputs: Input[] = [{ by: "ann", producer: "p", seq: turn, text: `question ${turn}` }];
    const version = this.snapshot.version + 1;
    const started: TurnStartedBody = { type: "turn.started", version, turn, agent: "echo", inputs, applied };
    const running = { turn, inputs, step: 1, attempt: 1, index: 0, text: "" };
    this.snapshot = { ...this.snapshot, version, running, applied: { ...this.snapshot.applied, ...applied } };
    this.#index = 0;
    this.#text = "";
    await this.log.begin(this.key, { epoch: this.epoch, turn, step: 1, attempt: 1 }, started, 0);
  }

  async say(text: string): Promise<void> {
    this.#text += text;
    const fence = { epoch: this.epoch, turn: this.#turn, step: 1, attempt: 1 };
    const { outcome } = await this.log.appendText(this.key, fence, ++this.#index, text);
    if (outcome !== "appended") throw new Error(`The delta was ${outcome}.`);
  }

  async end(): Promise<void> {
    this.commitOnly();
    const turn = this.snapshot.turns.at(-1);
    if (turn === undefined) throw new Error("No turn ended.");
    const { version, state, turns } = this.snapshot;
    const frame: TurnEndedBody = {
      type: "turn.completed",
      version,
      turn: turn.turn,
      text: turn.text,
      finish: "stop",
      patch: [],
    };
    const { epoch } = this;
    await this.log.commit(this.key, { run: "run-1", epoch, frame, state, turn, keepTurns: turns.length });
  }

  /** The workflow commits the turn's end, and the log hears nothing of it. */
  commitOnly(): void {
    const inputs = this.snapshot.running?.inputs ?? [];
    const turn = { turn: this.#turn, inputs, outcome: "completed", finish: "stop", text: this.#text } as const;
    const turns = boundTurns([...this.snapshot.turns, turn]);
    this.snapshot = { ...this.snapshot, version: this.snapshot.version + 1, running: null, turns };
  }

  async turn(...texts: string[]): Promise<void> {
    await this.begin();
    for (const text of texts) await this.say(text);
    await this.end();
  }

  /** From now on the workflow answers a Query with this. */
  async tellWorkflow(): Promise<void> {
    await this.#fixture.hold(this.key, { epoch: this.epoch, snapshot: this.snapshot });
  }
}
