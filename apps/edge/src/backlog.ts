import { LIMITS, type Applied } from "@holdfast/contract";

export interface Unapplied {
  readonly seq: number;
  readonly bytes: number;
}

/** The limits of SPEC §11 on what waits. */
type BacklogLimit = "unappliedInputs" | "unappliedInputBytes";

/**
 * Far beyond the deadline turns usually have. What waits for longer without a turn taking any of it was most likely lost with
 * its session, which an operator ended, or Temporal lost: no mark will ever tell of it, and the next session could not begin
 * while it counts. If a turn only takes very long, one backlog more is let through.
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
  #inputs = 0;
  #bytes = 0;
  /** When the first that waits came, or the last was taken. */
  #movedAt = 0;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get inputs(): number {
    return this.#inputs;
  }

  /**
   * The limit these inputs would go beyond, if any. An empty backlog takes anything, or what is larger than the whole of it
   * could never be sent.
   */
  exceeds(producer: string, inputs: readonly Unapplied[]): BacklogLimit | undefined {
    if (this.#inputs > 0 && this.#now() - this.#movedAt > LOST_AFTER_MS) this.#clear();
    const added = inputs.filter(({ seq }) => !this.#isRepeat(producer, seq));
    if (added.length === 0 || this.#inputs === 0) return undefined;
    if (this.#inputs + added.length > LIMITS.unappliedInputs) return "unappliedInputs";
    return this.#bytes + sum(added) > LIMITS.unappliedInputBytes ? "unappliedInputBytes" : undefined;
  }

  /** A number that is already counted or applied is a repeat and does not count again. */
  add(producer: string, { seq, bytes }: Unapplied): void {
    if (this.#isRepeat(producer, seq)) return;
    const waiting = this.#waiting.get(producer) ?? [];
    if (this.#inputs === 0) this.#movedAt = this.#now();
    waiting.push({ seq, bytes });
    this.#waiting.set(producer, waiting);
    this.#inputs++;
    this.#bytes += bytes;
  }

  /** Inputs from `seq` on were refused after all. */
  remove(producer: string, seq: number): void {
    this.#keep(producer, (entry) => entry.seq < seq);
  }

  /** `marks`: for each producer the highest seq a turn has taken (SPEC ack-2). */
  apply(marks: Applied): void {
    const before = this.#inputs;
    for (const [producer, mark] of Object.entries(marks)) {
      this.#applied.set(producer, Math.max(mark, this.#applied.get(producer) ?? 0));
      this.#keep(producer, (entry) => entry.seq > mark);
    }
    if (this.#inputs < before) this.#movedAt = this.#now();
    if (this.#applied.size > LIMITS.producers) this.#forgetOldest();
  }

  #isRepeat(producer: string, seq: number): boolean {
    return seq <= Math.max(this.#applied.get(producer) ?? 0, this.#waiting.get(producer)?.at(-1)?.seq ?? 0);
  }

  #keep(producer: string, wanted: (entry: Unapplied) => boolean): void {
    const waiting = this.#waiting.get(producer);
    if (waiting === undefined) return;
    const kept = waiting.filter(wanted);
    this.#inputs -= waiting.length - kept.length;
    this.#bytes -= sum(waiting) - sum(kept);
    if (kept.length === 0) this.#waiting.delete(producer);
    else this.#waiting.set(producer, kept);
  }

  #clear(): void {
    this.#waiting.clear();
    this.#inputs = 0;
    this.#bytes = 0;
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
