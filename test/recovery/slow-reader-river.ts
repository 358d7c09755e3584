import type { Stack } from "@holdfast/stack/stack";
import { inputOf } from "./slow-reader-protocol.ts";
import { Watcher, type WatcherRecord } from "./slow-reader-watcher.ts";

export interface RiverPlan {
  stack: Stack;
  edge: string;
  subject: string;
  session: string;
  /** The model's script for every turn. */
  script: string;
  readers: number;
}

/** A session in which one answer follows the other, and those who read along without pause. */
export class River {
  readonly #plan: RiverPlan;
  readonly #readers: Watcher[];
  #turn = 0;
  #flowing: Promise<void> | undefined;
  #isToStop = false;

  constructor(plan: RiverPlan) {
    this.#plan = plan;
    const { stack, edge, subject, session, script } = plan;
    this.#readers = Array.from(
      { length: plan.readers },
      () =>
        new Watcher({
          edge,
          token: () => stack.token({ subject }),
          session,
          inputOf: (turn) => inputOf(session, script, turn),
        }),
    );
  }

  get turn(): number {
    return this.#turn;
  }

  get records(): WatcherRecord[] {
    return this.#readers.map(({ record }) => record);
  }

  takeLags(): number[] {
    return this.#readers.flatMap((reader) => reader.takeLags());
  }

  async start(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.live()));
    this.#flowing = this.#flow();
  }

  /** Resolves when this many turns more have ended, for everybody who reads along. */
  async pass(turns: number): Promise<void> {
    const turn = this.#turn + turns;
    await Promise.all(this.#readers.map((reader) => reader.reached(turn)));
  }

  /** Resolves to the number of the last turn, when it has ended for everybody who reads along. */
  async stop(): Promise<number> {
    this.#isToStop = true;
    await this.#flowing;
    return this.#turn;
  }

  async leave(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.leave()));
  }

  async #flow(): Promise<void> {
    const { session, script } = this.#plan;
    while (!this.#isToStop) {
      const turn = this.#turn + 1;
      await this.#readers[0]?.session.send(inputOf(session, script, turn)).durable;
      await Promise.all(this.#readers.map((reader) => reader.reached(turn)));
      this.#turn = turn;
    }
  }
}
