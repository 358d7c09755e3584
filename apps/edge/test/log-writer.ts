import {
  boundTurns,
  emptySnapshot,
  type Input,
  runningTurn,
  type SessionKey,
  type Snapshot,
  type Turn,
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
  #seq = 0;
  #text = "";

  constructor(fixture: Fixture, log: SessionLog, key: SessionKey) {
    this.#fixture = fixture;
    this.log = log;
    this.key = key;
  }

  async begin(applied: Snapshot["applied"] = {}): Promise<void> {
    const turn = ++this.#turn;
    const input: Input = { by: "ann", producer: "p", seq: turn, origin: "user", at: 0, text: `question ${turn}` };
    const version = this.snapshot.version + 1;
    const begun = { turn, origin: input.origin, inputs: [input] };
    const running = runningTurn(begun);
    this.snapshot = { ...this.snapshot, version, running, applied: { ...this.snapshot.applied, ...applied } };
    this.#seq = 0;
    this.#text = "";
    await this.log.begin(this.key, this.#fence(), { type: "turn.started", version, agent: "echo", ...begun, applied });
  }

  async say(text: string): Promise<void> {
    const begins = this.#text === "" ? ({ begins: "text" } as const) : {};
    this.#text += text;
    const growth = { type: "delta", at: 0, ...begins, text } as const;
    const { outcome } = await this.log.write(this.key, this.#fence(), ++this.#seq, growth);
    if (outcome !== "appended") throw new Error(`The delta was ${outcome}.`);
  }

  async end(): Promise<void> {
    this.commitOnly();
    const turn = this.snapshot.turns.at(-1);
    const step = turn?.steps.at(-1);
    if (turn === undefined || step === undefined) throw new Error("No turn ended.");
    const { version, state, turns } = this.snapshot;
    const { outcome, finish } = turn;
    const end = { ...step, index: this.#seq, outcome, finish, patch: [] };
    const frame = { type: "turn.ended", version, turn: turn.turn, ...end } as const;
    const { epoch } = this;
    await this.log.commit(this.key, { run: "run-1", epoch, frame, state, turn, keepTurns: turns.length });
  }

  /** The workflow commits the turn's end, and the log hears nothing of it. */
  commitOnly(): void {
    const inputs = this.snapshot.running?.inputs ?? [];
    const parts = this.#text === "" ? [] : [{ type: "text" as const, text: this.#text }];
    const turn: Turn = {
      turn: this.#turn,
      origin: "user",
      inputs,
      steps: [{ step: 1, attempt: 1, parts }],
      outcome: "completed",
      finish: "stop",
    };
    const turns = boundTurns([...this.snapshot.turns, turn]);
    this.snapshot = { ...this.snapshot, version: this.snapshot.version + 1, running: null, turns };
  }

  #fence(): { epoch: number; turn: number; step: number; attempt: number } {
    return { epoch: this.epoch, turn: this.#turn, step: 1, attempt: 1 };
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
