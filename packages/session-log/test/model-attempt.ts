import type { SessionKey, Turn, TurnStartedBody } from "@holdfast/contract";
import type { Fence, SessionLog } from "../src/index.ts";

/** Turns a model is given. */
const CONTEXT = 3;

/** An attempt as `respond` makes it: keeps the whole text, repairs a gap by `rewind`, stops when stale. */
export class ModelAttempt {
  readonly fence: Fence;
  /** The turn's text as this attempt has it, earlier steps included. */
  text = "";
  over = false;
  /** What the log gave as the session's last turns, where it was something else. */
  forgot: string | undefined;
  readonly #log: SessionLog;
  readonly #key: SessionKey;
  readonly #started: TurnStartedBody;
  /** Text of earlier steps, as the workflow has it. */
  readonly #before: string;
  #index = 0;
  #last: () => Promise<unknown> = async () => {};

  constructor(log: SessionLog, key: SessionKey, fence: Fence, started: TurnStartedBody, before: string) {
    this.fence = fence;
    this.#log = log;
    this.#key = key;
    this.#started = started;
    this.#before = before;
  }

  /** `goesOn`: the model can continue from a prefix. `committed`: the session's turns. */
  async begin(goesOn: boolean, committed: Turn[]): Promise<void> {
    const begun = await this.#send(() => this.#log.begin(this.#key, this.fence, this.#started, CONTEXT));
    this.over = begun.outcome === "stale";
    if (this.over) return;
    const [told, truth] = [begun.turns, committed.slice(-CONTEXT)].map((turns) => JSON.stringify(turns));
    // Undefined: the workflow is asked.
    if (told !== undefined && told !== truth) this.forgot = `context ${told} of ${truth}`;
    this.#index = begun.index;
    // A log that lost the end of an earlier step cannot tell; the workflow knows how long that text is.
    const knowsBefore = begun.baseLength === this.#before.length;
    this.text = goesOn && knowsBefore ? begun.text : this.#before;
    if (this.text !== begun.text) await this.#rewind();
  }

  async write(piece: string): Promise<void> {
    if (this.over) return;
    this.text += piece;
    const index = this.#index + 1;
    const { outcome } = await this.#send(() => this.#log.appendText(this.#key, this.fence, index, piece));
    this.#index = index;
    this.over = outcome === "stale";
    if (outcome === "gap") await this.#rewind();
  }

  /** What a client library does that does not know whether its command arrived. */
  async resend(): Promise<void> {
    await this.#last();
  }

  async #rewind(): Promise<void> {
    for (let round = 0; ; round++) {
      if (round > 3) throw new Error("No rewind is taken.");
      const [index, text, base] = [this.#index + 1, this.text, this.#before.length];
      const answer = await this.#send(() => this.#log.rewind(this.#key, this.fence, index, text, base));
      this.#index = Math.max(index, answer.index);
      this.over = answer.outcome === "stale";
      if (answer.outcome !== "gap") return;
    }
  }

  async #send<T>(command: () => Promise<T>): Promise<T> {
    this.#last = command;
    return command();
  }
}
