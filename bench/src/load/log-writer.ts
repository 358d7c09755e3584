import { boundTurns, markOf, type PatchOperation, type SessionKey, type Turn } from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";

/** Writes a session's log as its workflow and its workers do, turns of one text each. Rejects where the log does not take it. */
export class LogWriter {
  readonly #log: SessionLog;
  readonly #key: SessionKey;
  readonly #agent: string;
  #turns: Turn[] = [];
  #turn = 0;
  #index = 0;
  #text = "";

  constructor(log: SessionLog, key: SessionKey, agent: string) {
    this.#log = log;
    this.#key = key;
    this.#agent = agent;
  }

  async begin(question: string): Promise<void> {
    const turn = ++this.#turn;
    const [origin, by, producer] = ["user" as const, this.#key.owner, "tab-1"];
    const inputs = [{ by, producer, seq: turn, origin, at: 0, text: question }];
    this.#turns = boundTurns([
      ...this.#turns,
      { turn, origin, inputs, steps: [], outcome: "completed", finish: "stop" },
    ]);
    [this.#index, this.#text] = [0, ""];
    const applied = { [markOf(by, producer)]: turn };
    const version = 2 * turn - 1;
    const started = { type: "turn.started", version, turn, agent: this.#agent, origin, inputs, applied } as const;
    await this.#log.begin(this.#key, this.#fence(), started);
  }

  async say(text: string): Promise<void> {
    const begins = this.#text === "" ? ({ begins: "text" } as const) : {};
    this.#text += text;
    const growth = { type: "delta", at: 0, ...begins, text } as const;
    const { outcome } = await this.#log.write(this.#key, this.#fence(), ++this.#index, growth);
    if (outcome !== "appended") throw new Error(`The log answered ${outcome} to a delta.`);
  }

  async end(state: { [name: string]: number } = {}, patch: PatchOperation[] = []): Promise<void> {
    const [begun, turn, index] = [this.#turns.at(-1), this.#turn, this.#index];
    if (begun === undefined) throw new Error("No turn has begun.");
    const step = { step: 1, attempt: 1, parts: [{ type: "text" as const, text: this.#text }] };
    const ended: Turn = { ...begun, steps: [step] };
    this.#turns = boundTurns([...this.#turns.slice(0, -1), ended]);
    const end = { outcome: "completed", finish: "stop", ...step, index, patch } as const;
    await this.#log.commit(this.#key, {
      run: "run-1",
      epoch: 1,
      frame: { type: "turn.ended", version: 2 * turn, turn, ...end },
      state,
      turn: ended,
      keepTurns: this.#turns.length,
    });
  }

  #fence(): { epoch: number; turn: number; step: number; attempt: number } {
    return { epoch: 1, turn: this.#turn, step: 1, attempt: 1 };
  }
}
