import { isDeepStrictEqual } from "node:util";
import type { SessionKey, Snapshot, Step, Turn } from "@holdfast/contract";
import type { SessionState } from "@holdfast/internal";
import type { RedisConnection } from "@holdfast/service/redis";
import type { SessionLog } from "../src/index.ts";
import { damage, forget, loseKeys, restore, save } from "./damage.ts";
import { ModelReader } from "./model-reader.ts";
import { ModelSession } from "./model-session.ts";

/** What may happen, and how often against the others. */
export const OPERATIONS = {
  write: 30,
  zombie: 3,
  resend: 3,
  rejoin: 3,
  retry: 3,
  "start over": 2,
  step: 3,
  "step unpublished": 2,
  "step twice": 2,
  "step after a reset": 1,
  start: 8,
  end: 2,
  "end unpublished": 2,
  "end twice": 2,
  "end after a reset": 1,
  patch: 2,
  "patch unpublished": 2,
  join: 2,
  "join unpublished": 1,
  ask: 2,
  "ask unpublished": 1,
  notify: 2,
  republish: 2,
  repair: 3,
  "begin again": 1,
  "lose all": 2,
  "lose keys": 4,
  damage: 4,
  save: 6,
  "fail over": 6,
  live: 8,
  deaf: 2,
  "catch up": 8,
  compare: 4,
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
  readonly #log: SessionLog;
  readonly #differences: string[] = [];
  readonly #key: SessionKey;
  #written = 0;
  #saved: Awaited<ReturnType<typeof save>> | undefined;

  constructor(connection: RedisConnection, log: SessionLog, key: SessionKey) {
    this.#connection = connection;
    this.#log = log;
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
        return session.live?.write(piece, n);
      case "zombie":
        return session.attempts.at(-1 - (n % 4))?.write(piece, n);
      case "resend":
        return session.attempts.at(-1 - (n % 4))?.resend();
      case "retry":
        return session.retry(true);
      case "start over":
        return session.retry(false);
      case "rejoin":
        return session.live?.rejoin();
      case "step":
        return session.nextStep(true);
      case "step unpublished":
        return session.nextStep(false);
      case "step twice":
        return session.nextStep(true, n % 2 === 0 ? "same run" : "another frame");
      case "step after a reset":
        return session.nextStep(true, "another run");
      case "start":
        return session.live === undefined ? session.startTurn() : undefined;
      case "end":
        return session.endTurn(true);
      case "end twice":
        return session.endTurn(true, n % 2 === 0 ? "same run" : "another frame");
      case "end after a reset":
        return session.endTurn(true, "another run");
      case "end unpublished":
        return session.endTurn(false);
      case "patch":
        return session.patchState(true);
      case "patch unpublished":
        return session.patchState(false);
      case "join":
        return session.join(true);
      case "join unpublished":
        return session.join(false);
      case "ask":
        return session.ask(true);
      case "ask unpublished":
        return session.ask(false);
      case "notify":
        return session.notify();
      case "republish":
        return session.republish(n);
      case "repair":
        return session.repair();
      case "begin again":
        return session.beginAgain();
      case "lose all":
        return forget(this.#connection, this.#key);
      case "lose keys":
        return loseKeys(this.#connection, this.#key, n);
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
      case "compare":
        return this.#compare();
    }
  }

  /** snap-1: whoever has read every frame holds what the snapshot at that place says. */
  async #compare(): Promise<void> {
    await this.readers.polling.catchUp();
    const { held, last } = this.readers.polling;
    const [read, text] = [await this.#log.snapshot(this.#key), await this.#log.snapshotText(this.#key)];
    // A log whose newest entries are gone looks read to its end: the next frame's place in the chain will tell the reader.
    if (read.outcome === "cold" || read.cursor !== last) return;
    const passedOn: unknown = text.outcome === "snapshot" ? JSON.parse(text.snapshot.json) : undefined;
    for (const other of [held, passedOn]) {
      if (isDeepStrictEqual(other, read.snapshot)) continue;
      this.#differences.push(`${JSON.stringify(other)} is not the snapshot ${JSON.stringify(read.snapshot)}`);
    }
  }

  /** turn-4: what a reader shows of a step some attempt has shown, and committed turns and steps are the workflow's. */
  complaints(): string[] {
    const forgotten = this.session.attempts.flatMap(({ forgot }) => forgot ?? []);
    return [...forgotten, ...this.#differences, ...this.#complaintsOfReaders()];
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
    await session.live?.write("the", 0);
    await session.live?.write(" end", 0);
    await this.#compare();
    const held: unknown[] = [];
    for (const reader of Object.values(readers)) {
      await reader.catchUp();
      held.push(withoutPlace(reader.held));
    }
    const { truth, live } = session;
    const parts = live?.parts ?? [];
    return { held, truth: withoutPlace({ ...truth, running: truth.running && { ...truth.running, parts } }) };
  }

  #wrongIn({ turns, running }: Snapshot): string[] {
    const truths = [this.session.truth, ...this.session.past];
    const wrong = truths.some((truth) => isPartOf(turns, truth)) ? [] : [`turns ${JSON.stringify(turns)}`];
    if (running === null) return wrong;
    const { turn, step, steps, parts } = running;
    if (!truths.some((truth) => areStepsOf(turn, steps, truth))) wrong.push(`steps ${JSON.stringify(steps)}`);
    const attempts = this.session.attempts.filter(({ fence }) => fence.turn === turn && fence.step === step);
    if (parts.length > 0 && !attempts.some((attempt) => attempt.hasShown(parts))) {
      wrong.push(`parts ${JSON.stringify(parts)} of ${JSON.stringify(attempts.map((attempt) => attempt.parts))}`);
    }
    return wrong;
  }
}

/** All but the place in a running turn, which only the log can tell. */
function withoutPlace(snapshot: Snapshot | undefined): unknown {
  return snapshot && { ...snapshot, running: snapshot.running && { ...snapshot.running, attempt: 0, index: 0 } };
}

function isPartOf(turns: Turn[], truth: Snapshot): boolean {
  const committed = truth.turns.filter(({ turn }) => turns.some((other) => other.turn === turn));
  return JSON.stringify(turns) === JSON.stringify(committed);
}

/** Whether these are the first steps of that turn, which runs or has ended. */
function areStepsOf(turn: number, steps: Step[], { running, turns }: Snapshot): boolean {
  const known = [running, ...turns].find((other) => other?.turn === turn);
  return JSON.stringify(steps) === JSON.stringify(known?.steps.slice(0, steps.length));
}
