import {
  markOf,
  emptySnapshot,
  reduceFrame,
  type Event,
  type Frame,
  type Input,
  type PatchOperation,
  type Snapshot,
} from "@holdfast/contract";

/** Of every client of a scripted edge. */
export const SUBJECT = "ann";

type Unplaced<F> = F extends unknown ? Omit<F, "id" | "prev"> : never;
type Placed = Exclude<Frame, { type: "snapshot" }>;
type FrameBody = Unplaced<Placed>;

/**
 * A session as the services behind an edge keep it, in memory and driven by the test: it takes events, dedupes them
 * (send-7), and writes a chained log.
 */
export class ScriptedSession {
  readonly name: string;
  snapshot: Snapshot;
  log: Placed[] = [];
  /** Every event taken, in order, each once. */
  readonly taken: { producer: string; event: Event }[] = [];
  readonly #marks = new Map<string, number>();
  readonly #inbox: Input[] = [];
  readonly #readers = new Set<(frames: object[]) => void>();
  #lastId = "0";
  #nextId = 1;

  constructor(name: string, agent = "echo") {
    this.name = name;
    this.snapshot = emptySnapshot(agent);
  }

  get cursor(): string {
    return this.#lastId;
  }

  take(producer: string, events: readonly Event[]): void {
    for (const event of events) {
      if (event.seq <= (this.#marks.get(producer) ?? 0)) continue;
      this.#marks.set(producer, event.seq);
      this.taken.push({ producer, event });
      if (event.kind !== "input") continue;
      const { seq, text, data } = event;
      this.#inbox.push({ by: SUBJECT, producer, seq, text, ...(data !== undefined && { data }) });
    }
  }

  /** `onFrames` gets what one packet carries. */
  follow(onFrames: (frames: object[]) => void): () => void {
    this.#readers.add(onFrames);
    return () => this.#readers.delete(onFrames);
  }

  /** Frames after `cursor`, undefined when the log does not hold it. */
  after(cursor: string): Placed[] | undefined {
    if (cursor === this.#lastId) return [];
    const index = this.log.findIndex((frame) => frame.prev === cursor);
    return index === -1 ? undefined : this.log.slice(index);
  }

  /** Takes the next input into a turn; a made-up one when there is none. */
  startTurn(): number {
    const turn = (this.snapshot.turns.at(-1)?.turn ?? 0) + 1;
    const input = this.#inbox.shift();
    const inputs = input === undefined ? [] : [input];
    const applied = input === undefined ? {} : { [markOf(SUBJECT, input.producer)]: input.seq };
    const { version, agent } = this.snapshot;
    this.append({ type: "turn.started", version: version + 1, turn, agent, inputs, applied });
    return turn;
  }

  delta(text: string): void {
    this.append({ type: "delta", ...this.#fence(), text });
  }

  /** All of them in one packet. */
  burst(texts: readonly string[]): void {
    const before = this.log.length;
    for (const text of texts) this.append({ type: "delta", ...this.#fence(), text }, true);
    const frames = this.log.slice(before);
    for (const reader of this.#readers) reader(frames);
  }

  rewind(text: string, attempt: number): void {
    this.append({ type: "rewind", ...this.#fence(), attempt, text });
  }

  complete(text: string, patch: PatchOperation[] = []): void {
    const turn = this.snapshot.running?.turn ?? 0;
    this.append({ type: "turn.completed", version: this.snapshot.version + 1, turn, text, finish: "stop", patch });
  }

  fail(text: string, error: { code: string; message: string }): void {
    const turn = this.snapshot.running?.turn ?? 0;
    this.append({
      type: "turn.failed",
      version: this.snapshot.version + 1,
      turn,
      text,
      finish: "error",
      patch: [],
      error,
    });
  }

  interrupt(): void {
    const { turn, text } = this.snapshot.running ?? { turn: 0, text: "" };
    this.append({
      type: "turn.interrupted",
      version: this.snapshot.version + 1,
      turn,
      text,
      finish: "interrupted",
      patch: [],
    });
  }

  patch(patch: PatchOperation[]): void {
    this.append({ type: "state.patched", version: this.snapshot.version + 1, patch });
  }

  /** A whole turn. */
  answer(text: string): void {
    this.startTurn();
    this.delta(text);
    this.complete(text);
  }

  /** `hidden`: it stands in the log, but what carries it to readers loses it. */
  append(body: FrameBody, hidden = false): void {
    const frame = { ...body, id: `${this.#nextId++}-0`, prev: this.#lastId };
    this.#lastId = frame.id;
    const reduction = reduceFrame(this.snapshot, frame);
    if (reduction.outcome === "applied") this.snapshot = reduction.snapshot;
    this.log.push(frame);
    if (!hidden) for (const reader of this.#readers) reader([frame]);
  }

  /** A frame of a protocol later than ours. */
  appendUnknown(type: string): void {
    const frame = { type, id: `${this.#nextId++}-0`, prev: this.#lastId };
    this.#lastId = frame.id;
    for (const reader of this.#readers) reader([frame]);
  }

  /** The session begins again, as after an operator ended the one before (SPEC snap-4). Readers hear of it at their next open. */
  beginAgain(): void {
    this.snapshot = emptySnapshot(this.snapshot.agent);
    this.loseLog();
  }

  /** The log is gone, as after a Redis that lost its memory: cursors given out before are unknown now. */
  loseLog(): void {
    this.log = [];
    this.#lastId = `${this.#nextId++}-0`;
  }

  #fence(): { turn: number; step: number; attempt: number; index: number } {
    const { turn, step, attempt, index } = this.snapshot.running ?? { turn: 1, step: 1, attempt: 1, index: 0 };
    return { turn, step, attempt, index: index + 1 };
  }
}

/** What several edges have in common. */
export class ScriptedWorld {
  readonly #sessions = new Map<string, ScriptedSession>();

  /** `agent`: which one it gets if it is new. */
  session(name: string, agent?: string): ScriptedSession {
    const session = this.#sessions.get(name) ?? new ScriptedSession(name, agent);
    this.#sessions.set(name, session);
    return session;
  }

  clear(): void {
    this.#sessions.clear();
  }
}
