import type { ConnectionState } from "@holdfast/client";
import { z } from "zod";
import type { ParticipantOptions } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import { ChainReader, wrongTurns } from "./chain-reader.ts";

/** One client's storm. Times are Unix milliseconds. */
export const stormRecordSchema = z.object({
  name: z.string(),
  /** It was on the edge that died. */
  wasStruck: z.boolean(),
  /** When each attempt to connect began, and what the client waited before it. */
  attempts: z.array(z.object({ at: z.number(), waitedMs: z.number() })),
  /** Why attempts failed, by the error's code. */
  failures: z.record(z.string(), z.number()),
  /** When its session was delivered again; null if never. */
  openAt: z.number().nullable(),
  /** Since the strike: snapshots, and frames that did not follow the one before them. */
  snapshots: z.number(),
  breaks: z.number(),
  /** Sentences about turns whose text is not what the model said. */
  wrong: z.array(z.string()),
});
export type StormRecord = z.infer<typeof stormRecordSchema>;

/** A client through the public API, and a note of everything a storm does to it. */
export class StormClient extends ChainReader {
  #url: string | undefined;
  #waitedMs = 0;
  #struck: string | undefined;
  #connectsAtMark = 0;
  readonly #seen: Pick<StormRecord, "wasStruck" | "attempts" | "failures" | "openAt">;

  constructor(options: ParticipantOptions) {
    super(options);
    this.#seen = { wasStruck: false, attempts: [], failures: {}, openAt: null };
    this.session.subscribe(() => this.#noteOpen());
  }

  get result(): StormRecord {
    const { name, snapshots, breaks } = this;
    return { name, snapshots, breaks, ...this.#seen, wrong: this.#wrong() };
  }

  async ask(text: string): Promise<void> {
    this.say(text);
    await this.answered();
  }

  /** Resolves when everything said has its whole answer. */
  answered(): Promise<void> {
    const said = this.sent.length;
    return this.sees("everything is answered", ({ turns, running }) => turns.length === said && running === null);
  }

  speaking(): Promise<void> {
    return this.sees("an answer streams", ({ running }) => textOf(running) !== "");
  }

  /** From now on everything counts; `struck` is the edge that is about to die. */
  mark(struck: string): void {
    this.#struck = struck;
    this.#connectsAtMark = this.connects;
    this.snapshots = 0;
    this.breaks = 0;
    Object.assign(this.#seen, { wasStruck: this.#url === struck, attempts: [], failures: {}, openAt: null });
  }

  /** Resolves when the session is delivered on a connection that was made after the strike, if it had to be. */
  back(): Promise<void> {
    return this.until("it is back", () => this.#isBack());
  }

  protected override connection(state: ConnectionState): void {
    super.connection(state);
    if (state.state === "connected") this.#url = state.url;
    if (state.state === "connecting") this.#seen.attempts.push({ at: Date.now(), waitedMs: this.#waitedMs });
    if (state.state !== "waiting") return;
    this.#waitedMs = state.delayMs;
    const { failures } = this.#seen;
    if (this.#struck !== undefined) failures[state.error.code] = (failures[state.error.code] ?? 0) + 1;
  }

  protected took(): void {
    // The chain has been looked at; texts are compared in the end.
  }

  #isBack(): boolean {
    return this.isOpen && (!this.#seen.wasStruck || this.connects > this.#connectsAtMark);
  }

  #noteOpen(): void {
    if (this.#seen.wasStruck && this.#seen.openAt === null && this.#isBack()) this.#seen.openAt = Date.now();
  }

  #wrong(): string[] {
    const view = this.session.get();
    const { turns, lag, connection, delivery, degraded } = view;
    const said = this.sent.map(({ text }) => text);
    const wrong = wrongTurns(view, said);
    if (turns.length !== said.length) {
      const state = `${connection.state}, ${delivery.state}${degraded ? ", degraded" : ""}`;
      wrong.push(`${turns.length} answers to ${said.length} inputs: ${JSON.stringify(lag)}, ${state}`);
    }
    return wrong.map((sentence) => `${this.name}: ${sentence}`);
  }
}
