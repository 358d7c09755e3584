import type { SessionKey, Snapshot, Turn } from "@holdfast/contract";
import type { SessionState } from "@holdfast/internal";
import type { RedisConnection } from "@holdfast/service/redis";
import type { SessionLog } from "../src/index.ts";
import { damage, loseParts } from "./damage.ts";
import { forget, restore, save } from "./failover.ts";
import { ModelReader } from "./model-reader.ts";
import { ModelSession } from "./model-session.ts";

/** What may happen, and how often against the others. */
export const OPERATIONS = {
  write: 4,
  zombie: 1,
  resend: 1,
  retry: 1,
  "start over": 1,
  step: 1,
  start: 2,
  end: 1,
  "end unpublished": 1,
  "end twice": 1,
  "end after a reset": 1,
  patch: 1,
  "patch unpublished": 1,
  republish: 1,
  heal: 1,
  "begin again": 1,
  "lose all": 1,
  "lose parts": 2,
  damage: 1,
  save: 1,
  "fail over": 1,
  live: 2,
  deaf: 1,
  "catch up": 2,
} as const;
export type Operation = keyof typeof OPERATIONS;

/** What a piece of text ends with; it begins with a number no other piece has, so that no mixture looks right. */
const ENDINGS = ["a", " ", "é", "\ud83d", "\ude00", "\u0000", "👍"];

/** One session, two readers of it, and a Redis that loses things. */
export class ModelRun {
  readonly session: ModelSession;
  /** One reads the log, one takes what it hears and reads when that does not join. */
  readonly readers: { polling: ModelReader; live: ModelReader };
  /** The live reader misses what is published. */
  deaf = false;
  readonly #connection: RedisConnection;
  readonly #key: SessionKey;
  #written = 0;
  #saved: Awaited<ReturnType<typeof save>> | undefined;

  constructor(connection: RedisConnection, log: SessionLog, key: SessionKey) {
    this.#connection = connection;
    this.#key = key;
    this.session = new ModelSession(log, key);
    const ask = (): SessionState => ({ epoch: this.session.epoch, snapshot: this.session.truth });
    const reader = (): ModelReader => new ModelReader(log, key, ask);
    this.readers = { polling: reader(), live: reader() };
  }

  async perform(operation: Operation, n: number): Promise<void> {
    const { session, readers } = this;
    const piece = `${++this.#written}${ENDINGS[n % ENDINGS.length]}`;
    switch (operation) {
      case "write":
        return session.live?.write(piece);
      case "zombie":
        return session.attempts.at(-1 - (n % 4))?.write(piece);
      case "resend":
        return session.attempts.at(-1 - (n % 4))?.resend();
      case "retry":
        return session.retry(true);
      case "start over":
        return session.retry(false);
      case "step":
        return session.nextStep();
      case "start":
        return session.live === undefined ? session.startTurn() : undefined;
      case "end":
        return session.endTurn(true);
      case "end twice":
        return session.endTurn(true, "same run");
      case "end after a reset":
        return session.endTurn(true, "another run");
      case "end unpublished":
        return session.endTurn(false);
      case "patch":
        return session.patchState(true);
      case "patch unpublished":
        return session.patchState(false);
      case "republish":
        return session.republish(n);
      case "heal":
        return session.heal();
      case "begin again":
        return session.beginAgain();
      case "lose all":
        return forget(this.#connection, this.#key);
      case "lose parts":
        return loseParts(this.#connection, this.#key, n);
      case "damage":
        return damage(this.#connection, this.#key, n);
      case "save":
        this.#saved = await save(this.#connection, this.#key);
        return;
      case "fail over":
        return this.#saved && restore(this.#connection, this.#key, this.#saved);
      case "deaf":
        this.deaf = !this.deaf;
        return;
      case "live":
        return readers.live.takeLive();
      case "catch up":
        return readers.polling.catchUp();
    }
  }

  /** turn-4: what a reader shows is the beginning of what some attempt wrote, and committed turns are the workflow's. */
  complaints(): string[] {
    const forgotten = this.session.attempts.flatMap(({ forgot }) => forgot ?? []);
    return forgotten.concat(this.#complaintsOfReaders());
  }

  #complaintsOfReaders(): string[] {
    return Object.entries(this.readers).flatMap(([name, { held }]) =>
      held === undefined ? [] : this.#wrongIn(held).map((wrong) => `${name} reader: ${wrong}`),
    );
  }

  /** Faults end and the session goes on: what each reader then holds, and what is true. */
  async converge(): Promise<{ held: unknown[]; truth: unknown }> {
    const { session, readers } = this;
    await session.patchState(true);
    if (session.live === undefined) await session.startTurn();
    await session.live?.write("the");
    await session.live?.write(" end");
    const held: unknown[] = [];
    for (const reader of Object.values(readers)) {
      await reader.catchUp();
      held.push({ ...reader.held, running: reader.held?.running?.text });
    }
    return { held, truth: { ...session.truth, running: session.live?.text } };
  }

  #wrongIn({ turns, running }: Snapshot): string[] {
    const truths = [this.session.truth, ...this.session.past];
    const wrong = truths.some((truth) => isPartOf(turns, truth)) ? [] : [`turns ${JSON.stringify(turns)}`];
    if (running === null) return wrong;
    const attempts = this.session.attempts.filter(({ fence }) => fence.turn === running.turn);
    if (!attempts.some(({ text }) => text.startsWith(running.text))) {
      wrong.push(`text ${JSON.stringify(running.text)} of ${JSON.stringify(attempts.map(({ text }) => text))}`);
    }
    return wrong;
  }
}

function isPartOf(turns: Turn[], truth: Snapshot): boolean {
  const committed = truth.turns.filter(({ turn }) => turns.some((other) => other.turn === turn));
  return JSON.stringify(turns) === JSON.stringify(committed);
}
