import type { Frame, RunningTurn, Turn } from "@holdfast/client";
import { mintToken } from "@holdfast/stack/token";
import { z } from "zod";
import { obey, planOf } from "../kit/child-process.ts";
import { answerTo } from "../kit/model-calls.ts";
import { textOf } from "../kit/reading.ts";
import { ChainReader, readingSchema, wrongIn } from "./chain-reader.ts";

/** `turn`: the last it saw the end of. */
const steadyReadingSchema = readingSchema.extend({ turn: z.number() });
type SteadyReading = z.infer<typeof steadyReadingSchema>;

const sessionSchema = z.object({
  edge: z.string(),
  jwtSecret: z.string(),
  subject: z.string(),
  session: z.string(),
  /** The model's script for every turn. */
  script: z.string(),
  readers: z.number().int(),
});
type SteadySessionOptions = z.infer<typeof sessionSchema>;

/** The input of the session's turn `turn`: the model's script is part of it. */
const inputOf = ({ session, script }: SteadySessionOptions, turn: number): string =>
  `${session} ${turn} faults:${script}`;

/** One reader of a session in which one answer follows the other. Checks for each turn that its text is the model's. */
class SteadyReader extends ChainReader {
  readonly #session: SteadySessionOptions;
  readonly #wrong: string[] = [];
  #turn = 0;
  #partial: RunningTurn | undefined;
  #lags: number[] = [];

  constructor(options: SteadySessionOptions) {
    const { edge, jwtSecret, subject, session } = options;
    super({
      name: `a reader of ${session}`,
      key: { tenant: "acme", owner: subject, name: session },
      edges: [edge],
      token: () => mintToken(jwtSecret, { subject }),
      clock: () => performance.now(),
    });
    this.#session = options;
  }

  get reading(): SteadyReading {
    const { connects, snapshots, breaks } = this;
    return { connects, snapshots, breaks, turn: this.#turn, wrong: this.#wrong };
  }

  /** Milliseconds from each frame's append, which its id begins with, to here; those since the last call. */
  takeLags(): number[] {
    return this.#lags.splice(0);
  }

  /** Resolves when this turn has ended here. */
  reached(turn: number): Promise<void> {
    return this.sees(
      `turn ${turn} has ended`,
      ({ turns, running }) => (turns.at(-1)?.turn ?? 0) >= turn && running === null,
    );
  }

  protected override took(frame: Frame): void {
    const { turns, running } = this.session.get();
    const ended = turns.at(-1);
    if (frame.type !== "snapshot") {
      this.#lags.push(Date.now() - Number.parseInt(frame.id, 10));
      if (ended !== undefined && ended.turn !== this.#turn) this.#compare(ended);
    }
    this.#turn = ended?.turn ?? 0;
    if (running !== null) this.#partial = running;
  }

  /** Once a turn has ended: its text, and what was shown of it before. */
  #compare(ended: Turn): void {
    const input = inputOf(this.#session, ended.turn);
    const shown = this.#partial?.turn === ended.turn ? textOf(this.#partial) : "";
    this.#wrong.push(...wrongIn(ended, input));
    if (!answerTo(input).startsWith(shown)) this.#wrong.push(`turn ${ended.turn} was shown garbled`);
  }
}

/** A session in which one answer follows the other, and those who read along without pause. */
export function steadySession(options: SteadySessionOptions) {
  const readers = Array.from({ length: options.readers }, () => new SteadyReader(options));
  const all = async (act: (reader: SteadyReader) => Promise<void>): Promise<void> => {
    await Promise.all(readers.map(act));
  };
  let turn = 0;
  let isToStop = false;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    for (; !isToStop; turn++) {
      readers[0]?.say(inputOf(options, turn + 1));
      await all((reader) => reader.reached(turn + 1));
    }
  };

  return {
    /** The last that has ended for everybody who reads along. */
    turn: () => turn,
    readings: () => readers.map(({ reading }) => reading),
    takeLags: () => readers.flatMap((reader) => reader.takeLags()),
    /** Everybody reads. */
    live: () => all((reader) => reader.live()),
    begin(): void {
      running = run();
    },
    /** Resolves when this turn has ended for everybody who reads along. */
    reached: (last: number) => all((reader) => reader.reached(last)),
    /** Resolves to the number of the last turn, when it has ended for everybody who reads along. */
    async stop(): Promise<number> {
      isToStop = true;
      await running;
      return turn;
    },
    close: () => all((reader) => reader.close()),
  };
}

/** `live`: done when all of them read. `reached`: done when all have seen the end of this turn. Either is answered with a report. */
const orderSchema = z.discriminatedUnion("order", [
  z.object({ order: z.literal("live") }),
  z.object({ order: z.literal("reached"), turn: z.number().int() }),
]);
export const reportSchema = z.object({ readings: z.array(steadyReadingSchema) });

/** The process that is stopped in the middle: readers of one session, and nothing else. */
function begin(): void {
  const { live, reached, readings } = steadySession(planOf(sessionSchema));
  obey(orderSchema, async (order) => {
    if (order.order === "reached") await reached(order.turn);
    else if (order.order === "live") await live();
    return { readings: readings() };
  });
}

if (import.meta.main) begin();
