import type { Frame, RunningTurn, Turn } from "@holdfast/client";
import { z } from "zod";
import { answerTo } from "../kit/model-calls.ts";
import { textOf } from "../kit/reading.ts";
import { ChainReader } from "./chain-reader.ts";

export const readingSchema = z.object({
  connects: z.number(),
  snapshots: z.number(),
  breaks: z.number(),
  /** The last turn it saw the end of. */
  turn: z.number(),
  /** Sentences about text that is not what the model said. */
  wrong: z.array(z.string()),
});
export type Reading = z.infer<typeof readingSchema>;

export interface SteadySessionOptions {
  edge: string;
  token: () => Promise<string>;
  subject: string;
  session: string;
  /** The model's script for every turn. */
  script: string;
  readers: number;
}

/** The input of the session's turn `turn`: the model's script is part of it. */
function inputOf({ session, script }: Pick<SteadySessionOptions, "session" | "script">, turn: number): string {
  return `${session} ${turn} faults:${script}`;
}

/** One reader of a session in which one answer follows the other. Checks for each turn that its text is the model's. */
export class SteadyReader extends ChainReader {
  readonly #session: SteadySessionOptions;
  readonly #wrong: string[] = [];
  #turn = 0;
  #partial: RunningTurn | undefined;
  #lags: number[] = [];

  constructor(options: SteadySessionOptions) {
    super({
      name: `a reader of ${options.session}`,
      key: { tenant: "acme", owner: options.subject, name: options.session },
      edges: [options.edge],
      token: options.token,
      clock: () => performance.now(),
    });
    this.#session = options;
  }

  get reading(): Reading {
    const { connects, snapshots, breaks } = this;
    return { connects, snapshots, breaks, turn: this.#turn, wrong: this.#wrong };
  }

  /** Milliseconds from each frame's append, which its id begins with, to here; those since the last call. */
  takeLags(): number[] {
    const lags = this.#lags;
    this.#lags = [];
    return lags;
  }

  live(): Promise<void> {
    return this.until("it reads", () => this.isOpen);
  }

  /** Resolves when this turn has ended here. */
  reached(turn: number): Promise<void> {
    return this.sees(
      `turn ${turn} has ended`,
      ({ turns, running }) => (turns.at(-1)?.turn ?? 0) >= turn && running === null,
    );
  }

  protected took(frame: Frame): void {
    if (frame.type !== "snapshot") this.#lags.push(Date.now() - Number.parseInt(frame.id, 10));
    const { turns, running } = this.session.get();
    const ended = turns.at(-1);
    if (ended !== undefined) {
      if (frame.type !== "snapshot" && ended.turn !== this.#turn) this.#compare(ended);
      this.#turn = ended.turn;
    }
    if (running !== null) this.#partial = running;
  }

  /** Once a turn has ended: its text, and what was shown of it before. */
  #compare(ended: Turn): void {
    const { turn } = ended;
    const said = answerTo(inputOf(this.#session, turn));
    const shown = this.#partial?.turn === turn ? textOf(this.#partial) : "";
    if (textOf(ended) !== said) this.#wrong.push(`turn ${turn} is not what the model said`);
    if (!said.startsWith(shown)) this.#wrong.push(`turn ${turn} was shown garbled`);
  }
}

/** A session in which one answer follows the other, and those who read along without pause. */
export class SteadySession {
  readonly #options: SteadySessionOptions;
  readonly #readers: readonly SteadyReader[];
  #turn = 0;
  #running: Promise<void> | undefined;
  #isToStop = false;

  constructor(options: SteadySessionOptions) {
    this.#options = options;
    this.#readers = Array.from({ length: options.readers }, () => new SteadyReader(options));
  }

  get turn(): number {
    return this.#turn;
  }

  get readings(): Reading[] {
    return this.#readers.map(({ reading }) => reading);
  }

  takeLags(): number[] {
    return this.#readers.flatMap((reader) => reader.takeLags());
  }

  async start(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.live()));
    this.#running = this.#run();
  }

  /** Resolves when this many turns more have ended, for everybody who reads along. */
  async pass(turns: number): Promise<void> {
    const turn = this.#turn + turns;
    await Promise.all(this.#readers.map((reader) => reader.reached(turn)));
  }

  /** Resolves to the number of the last turn, when it has ended for everybody who reads along. */
  async stop(): Promise<number> {
    this.#isToStop = true;
    await this.#running;
    return this.#turn;
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
  }

  async #run(): Promise<void> {
    while (!this.#isToStop) {
      const turn = this.#turn + 1;
      this.#readers[0]?.say(inputOf(this.#options, turn));
      await Promise.all(this.#readers.map((reader) => reader.reached(turn)));
      this.#turn = turn;
    }
  }
}
