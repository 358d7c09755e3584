import { LIMITS, type Applied } from "@holdfast/contract";

export interface Unapplied {
  readonly seq: number;
  readonly bytes: number;
  /** Not from the session's owner. */
  readonly isGuest?: boolean;
}

/** What is counted of inputs that wait. */
interface Load {
  inputs: number;
  bytes: number;
}

/** The limits of SPEC §11 on what waits. */
type BacklogLimit = "unappliedInputs" | "unappliedInputBytes";

/**
 * Far beyond the usual deadline of turns. Inputs that wait for longer, without a turn taking any of them, were most likely lost with
 * their session, which an operator ended or Temporal lost. No mark will ever tell of them, and while they counted the session could
 * not begin again. If a turn only takes very long, one backlog more is let through.
 */
const LOST_AFTER_MS = 600_000;

/**
 * Inputs of one session that this edge took and no turn is known to have taken (SPEC limit-1, `unappliedInputs`):
 * when the agent is slower than its user, the user is told so instead of the workflow growing.
 */
export class Backlog {
  /** By producer, which is named with its subject here (`markOf`); ascending. */
  readonly #waiting = new Map<string, Unapplied[]>();
  readonly #applied = new Map<string, number>();
  #owner: Load = { inputs: 0, bytes: 0 };
  #guests: Load = { inputs: 0, bytes: 0 };
  /** When the first waiting input came, or the last one was taken. */
  #movedAt = 0;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get inputs(): number {
    return this.#owner.inputs + this.#guests.inputs;
  }

  /**
   * The limit that these inputs of one producer would go beyond, if any. Guests share half of the room, and against the owner they
   * count as half at most. A side that has nothing waiting may send anything: else a `send` larger than its room could never be sent.
   */
  exceeds(producer: string, inputs: readonly Unapplied[]): BacklogLimit | undefined {
    if (this.inputs > 0 && this.#now() - this.#movedAt > LOST_AFTER_MS) this.#clear();
    const added = inputs.filter(({ seq }) => !this.#isRepeat(producer, seq));
    const isGuest = added[0]?.isGuest ?? false;
    const side = isGuest ? this.#guests : this.#owner;
    if (added.length === 0 || side.inputs === 0) return undefined;
    const share = isGuest ? 0.5 : 1;
    const taken = (what: keyof Load, most: number): number =>
      isGuest ? side[what] : side[what] + Math.min(this.#guests[what], most / 2);
    const { unappliedInputs, unappliedInputBytes } = LIMITS;
    if (taken("inputs", unappliedInputs) + added.length > share * unappliedInputs) return "unappliedInputs";
    const bytes = taken("bytes", unappliedInputBytes) + sum(added);
    return bytes > share * unappliedInputBytes ? "unappliedInputBytes" : undefined;
  }

  /** A number that is already counted or applied is a repeat and does not count again. */
  add(producer: string, input: Unapplied): void {
    if (this.#isRepeat(producer, input.seq)) return;
    const waiting = this.#waiting.get(producer) ?? [];
    if (this.inputs === 0) this.#movedAt = this.#now();
    waiting.push(input);
    this.#waiting.set(producer, waiting);
    this.#count(input, 1);
  }

  /** Inputs from `seq` on were refused after all. */
  remove(producer: string, seq: number): void {
    this.#keep(producer, (entry) => entry.seq < seq);
  }

  /** `marks`: for each producer the highest seq a turn has taken (SPEC ack-2). */
  apply(marks: Applied): void {
    const before = this.inputs;
    for (const [producer, mark] of Object.entries(marks)) {
      this.#applied.set(producer, Math.max(mark, this.#applied.get(producer) ?? 0));
      this.#keep(producer, (entry) => entry.seq > mark);
    }
    if (this.inputs < before) this.#movedAt = this.#now();
    if (this.#applied.size > LIMITS.producers) this.#forgetOldest();
  }

  #isRepeat(producer: string, seq: number): boolean {
    return seq <= Math.max(this.#applied.get(producer) ?? 0, this.#waiting.get(producer)?.at(-1)?.seq ?? 0);
  }

  #keep(producer: string, wanted: (entry: Unapplied) => boolean): void {
    const waiting = this.#waiting.get(producer);
    if (waiting === undefined) return;
    const kept = waiting.filter(wanted);
    for (const entry of waiting) if (!wanted(entry)) this.#count(entry, -1);
    if (kept.length === 0) this.#waiting.delete(producer);
    else this.#waiting.set(producer, kept);
  }

  #count({ bytes, isGuest }: Unapplied, times: 1 | -1): void {
    const side = isGuest ? this.#guests : this.#owner;
    side.inputs += times;
    side.bytes += times * bytes;
  }

  #clear(): void {
    this.#waiting.clear();
    this.#owner = { inputs: 0, bytes: 0 };
    this.#guests = { inputs: 0, bytes: 0 };
  }

  #forgetOldest(): void {
    for (const producer of this.#applied.keys()) {
      if (this.#applied.size <= LIMITS.producers) return;
      this.#applied.delete(producer);
    }
  }
}

function sum(entries: readonly Unapplied[]): number {
  return entries.reduce((total, entry) => total + entry.bytes, 0);
}

/** The backlogs of this node's sessions. The sessions' feeds tell what turns have taken, as long as they follow. */
export class Backlogs {
  readonly #backlogs = new Map<string, Backlog>();

  of(path: string): Backlog {
    let backlog = this.#backlogs.get(path);
    if (backlog === undefined) {
      backlog = new Backlog();
      this.#backlogs.set(path, backlog);
    }
    return backlog;
  }

  apply(path: string, marks: Applied): void {
    this.of(path).apply(marks);
  }

  /** Inputs of the session wait for turns. */
  isAwaited(path: string): boolean {
    return (this.#backlogs.get(path)?.inputs ?? 0) > 0;
  }

  /** Called when the session's feed has closed, so that its turns are not heard of any more. */
  forget(path: string): void {
    this.#backlogs.delete(path);
  }
}
