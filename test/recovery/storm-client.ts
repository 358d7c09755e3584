import { z } from "zod";
import type { ParticipantOptions } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import { ChainReader, readingSchema, wrongIn } from "./chain-reader.ts";

/** One client's storm, from the strike on. Times are Unix milliseconds. */
export const stormRecordSchema = readingSchema.extend({
  /** It was on the edge that died. */
  wasStruck: z.boolean(),
  /** When each attempt to connect began, and what the client waited before it. */
  attempts: z.array(z.object({ at: z.number(), waitedMs: z.number() })),
  /** Why attempts failed, by the error's code. */
  failures: z.record(z.string(), z.number()),
  /** When the session of one that was struck was delivered again; null if never. */
  openAt: z.number().nullable(),
});
export type StormRecord = z.infer<typeof stormRecordSchema>;
type Storm = Pick<StormRecord, "wasStruck" | "attempts" | "failures" | "openAt">;

const stormOf = (wasStruck: boolean): Storm => ({ wasStruck, attempts: [], failures: {}, openAt: null });

/** A client through the public API, and a note of everything a storm does to it. */
export class StormClient extends ChainReader {
  #url: string | undefined;
  #waitedMs = 0;
  #storm = stormOf(false);
  #return: Promise<void> | undefined;

  constructor(options: ParticipantOptions) {
    super(options);
    this.client.on("connection", (state) => {
      const { attempts, failures } = this.#storm;
      if (state.state === "connected") this.#url = state.url;
      if (state.state === "connecting") attempts.push({ at: Date.now(), waitedMs: this.#waitedMs });
      if (state.state !== "waiting") return;
      this.#waitedMs = state.delayMs;
      failures[state.error.code] = (failures[state.error.code] ?? 0) + 1;
    });
  }

  get result(): StormRecord {
    const { connects, snapshots, breaks } = this;
    return { connects, snapshots, breaks, ...this.#storm, wrong: this.#wrong() };
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
    const { connects } = this;
    const storm = stormOf(this.#url === struck);
    this.#storm = storm;
    this.snapshots = 0;
    this.breaks = 0;
    this.#return = this.until("it is back", () => this.isOpen && (!storm.wasStruck || this.connects > connects)).then(
      () => {
        if (storm.wasStruck) storm.openAt = Date.now();
      },
    );
  }

  /** Resolves when the session is delivered on a connection that was made after the strike, if it had to be. */
  async back(): Promise<void> {
    await this.#return;
    await this.live();
  }

  #wrong(): string[] {
    const { turns, lag, connection, delivery, degraded } = this.session.get();
    const said = this.sent.map(({ text }) => text);
    const wrong = turns.flatMap((turn, index) => wrongIn(turn, said[index] ?? ""));
    if (turns.length !== said.length) {
      const state = `${connection.state}, ${delivery.state}${degraded ? ", degraded" : ""}`;
      wrong.push(`${turns.length} answers to ${said.length} inputs: ${JSON.stringify(lag)}, ${state}`);
    }
    return wrong.map((sentence) => `${this.name}: ${sentence}`);
  }
}
