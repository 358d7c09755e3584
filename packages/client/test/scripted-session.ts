import {
  emptySnapshot,
  LIMITS,
  markOf,
  reduceFrame,
  textOfParts,
  type BodyOf,
  type ChainedFrame,
  type Event,
  type FrameOf,
  type HistoryRequest,
  type Input,
  type Json,
  type Part,
  type PatchOperation,
  type Question,
  type Snapshot,
  type Turn,
  type TurnError,
} from "@holdfast/contract";

/** Of every client of a scripted edge. */
export const SUBJECT = "ann";
/** When every input of a scripted session came, in Unix milliseconds. */
export const TAKEN_AT = 1_800_000_000_000;

export type FrameBody = BodyOf<ChainedFrame["type"]>;
type TurnEnd = Omit<BodyOf<"turn.ended">, "type" | "version" | "turn" | "step" | "attempt" | "index" | "patch">;

/**
 * A session as the services behind an edge keep it, in memory and driven by the test: it takes events, dedupes them
 * (send-7), and writes a chained log.
 */
export class ScriptedSession {
  readonly name: string;
  snapshot: Snapshot;
  log: ChainedFrame[] = [];
  /** Every turn that has ended, also those the snapshot is too small for. */
  readonly turns: Turn[] = [];
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
      const { seq, id, text, data } = event;
      const given = { ...(id !== undefined && { id }), text, ...(data !== undefined && { data }) };
      this.#inbox.push({ by: SUBJECT, producer, seq, origin: "user", at: TAKEN_AT, ...given });
    }
  }

  /** `onFrames` gets what one packet carries. */
  follow(onFrames: (frames: object[]) => void): () => void {
    this.#readers.add(onFrames);
    return () => this.#readers.delete(onFrames);
  }

  /** Frames after `cursor`, undefined when the log does not hold it. */
  after(cursor: string): ChainedFrame[] | undefined {
    if (cursor === this.#lastId) return [];
    const index = this.log.findIndex((frame) => frame.prev === cursor);
    return index === -1 ? undefined : this.log.slice(index);
  }

  /** SPEC history-2. */
  history({ before, limit = LIMITS.historyTurns }: Pick<HistoryRequest, "before" | "limit">): {
    turns: Turn[];
    more: boolean;
  } {
    const older = this.turns.filter(({ turn }) => turn < before);
    const turns = older.slice(-limit);
    return { turns, more: turns.length < older.length };
  }

  /** Takes the next input into a turn; a turn without one when there is none. */
  startTurn(): number {
    const turn = (this.snapshot.turns.at(-1)?.turn ?? 0) + 1;
    const { version, agent } = this.snapshot;
    const taken = this.#takeInputs(1);
    this.append({ type: "turn.started", version: version + 1, turn, agent, origin: "user", ...taken });
    return turn;
  }

  /** Inputs that wait join the running turn (SPEC turn-8). */
  joinInputs(): void {
    const { turn } = this.#running();
    const taken = this.#takeInputs(this.#inbox.length);
    this.append({ type: "inputs.joined", version: this.snapshot.version + 1, turn, ...taken });
  }

  /** Adds to the last part, or begins one where there is none of that type. */
  delta(text: string, type: "text" | "reasoning" = "text"): void {
    this.append(this.#deltaOf(text, type));
  }

  /** Adds to the last part whatever it is: a tool call's input, say. */
  grow(text: string): void {
    this.append({ type: "delta", ...this.#fence(), at: this.#running().parts.length - 1, text });
  }

  /** All of them in one packet. */
  burst(texts: readonly string[]): void {
    const before = this.log.length;
    for (const text of texts) this.append(this.#deltaOf(text, "text"), true);
    const frames = this.log.slice(before);
    for (const reader of this.#readers) reader(frames);
  }

  /** A new part, or another one in the place `at`. */
  part(part: Part, at: number = this.#running().parts.length): void {
    this.append({ type: "part", ...this.#fence(), at, part });
  }

  /** The running step's parts so far are void. */
  rewind(to: string | Part[], attempt: number): void {
    this.append({ type: "rewind", ...this.#fence(), attempt, parts: partsFrom(to) });
  }

  /** `parts`: given again, as for readers who do not hold them (SPEC end-1). */
  endStep(patch: PatchOperation[] = [], parts?: Part[]): void {
    const { turn, step, attempt, index } = this.#running();
    const version = this.snapshot.version + 1;
    const covers = { attempt, index, ...(parts !== undefined && { parts }) };
    this.append({ type: "step.ended", version, turn, step, ...covers, patch });
  }

  /** The turn waits for answers to all of these; none: it goes on. */
  wait(questions: Question[]): void {
    this.append({
      type: "turn.waiting",
      version: this.snapshot.version + 1,
      turn: this.#running().turn,
      questions,
    });
  }

  /** `whole`: what the last step made, where that is not what readers hold. */
  complete(whole?: string | Part[], patch: PatchOperation[] = []): void {
    this.#end({ outcome: "completed", finish: "stop" }, whole, patch);
  }

  fail(whole: string | Part[], error: TurnError): void {
    this.#end({ outcome: "failed", finish: "error", error }, whole);
  }

  interrupt(): void {
    this.#end({ outcome: "interrupted", finish: "interrupted", by: SUBJECT });
  }

  patch(patch: PatchOperation[]): void {
    this.append({ type: "state.patched", version: this.snapshot.version + 1, patch });
  }

  notice(name: string, data?: Json): void {
    this.append({ type: "notice", name, ...(data !== undefined && { data }) });
  }

  /** A whole turn. */
  answer(text: string): void {
    this.startTurn();
    this.delta(text);
    this.complete();
  }

  /** `hidden`: it stands in the log, but what carries it to readers loses it. */
  append(body: FrameBody, hidden = false): void {
    const frame = { ...body, id: `${this.#nextId++}-0`, prev: this.#lastId };
    this.#lastId = frame.id;
    const reduction = reduceFrame(this.snapshot, frame);
    if (reduction.outcome === "applied") {
      this.snapshot = reduction.snapshot;
      const ended = this.snapshot.turns.at(-1);
      if (frame.type === "turn.ended" && ended !== undefined) this.turns.push(ended);
    }
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
    this.turns.length = 0;
    this.loseLog();
  }

  /** The log is gone, as after a Redis that lost its memory: cursors given out before are unknown now. */
  loseLog(): void {
    this.log = [];
    this.#lastId = `${this.#nextId++}-0`;
  }

  /** Leaves the newest `count` turns in the snapshot, as its limits would (SPEC snap-2). Readers learn of it by a snapshot. */
  shortenSnapshot(count: number): void {
    this.snapshot = { ...this.snapshot, turns: this.snapshot.turns.slice(-count) };
    this.loseLog();
  }

  #end(end: TurnEnd, whole?: string | Part[], patch: PatchOperation[] = []): void {
    const { turn, step, attempt, index, parts } = this.#running();
    // By its text, as most tests know it: readers that hold that text are not given it again.
    const isHeld = whole === undefined || (typeof whole === "string" && whole === textOfParts(parts));
    const covers = { step, attempt, index, ...(!isHeld && { parts: partsFrom(whole) }) };
    this.append({ type: "turn.ended", version: this.snapshot.version + 1, turn, ...covers, ...end, patch });
  }

  #takeInputs(count: number): { inputs: Input[]; applied: Record<string, number> } {
    const inputs = this.#inbox.splice(0, count);
    const applied: Record<string, number> = {};
    for (const { by, producer, seq } of inputs) applied[markOf(by, producer)] = seq;
    return { inputs, applied };
  }

  #deltaOf(text: string, type: "text" | "reasoning"): BodyOf<"delta"> {
    const { parts } = this.#running();
    const begins = parts.at(-1)?.type !== type;
    const at = begins ? parts.length : parts.length - 1;
    return { type: "delta", ...this.#fence(), at, ...(begins && { begins: type }), text };
  }

  #running(): NonNullable<Snapshot["running"]> {
    if (this.snapshot.running === null) throw new Error("The scripted session has no running turn.");
    return this.snapshot.running;
  }

  #fence(): Pick<FrameOf<"delta">, "turn" | "step" | "attempt" | "index"> {
    const { turn, step, attempt, index } = this.#running();
    return { turn, step, attempt, index: index + 1 };
  }
}

function partsFrom(whole: string | Part[]): Part[] {
  if (typeof whole !== "string") return whole;
  return whole === "" ? [] : [{ type: "text", text: whole }];
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
