import type { Applied } from "@holdfast/contract/snapshot";
import { LIMITS } from "@holdfast/contract/limits";

/** How far a session has taken one producer's events. */
export interface ProducerMark {
  readonly producer: string;
  /** SPEC send-7: the highest seq taken; nothing at or below it is taken again. */
  readonly seq: number;
  /** SPEC ack-2: the highest seq of an input that a turn has taken; 0 for none. */
  readonly applied: number;
  /** Unix milliseconds at the edge of its newest event: decides which producer is forgotten first, nothing else. */
  readonly at: number;
}

/** Every producer's mark, for the last LIMITS.producers of them. */
export class Producers {
  readonly #marks: Map<string, ProducerMark>;

  constructor(marks: readonly ProducerMark[] = []) {
    this.#marks = new Map(marks.map((mark) => [mark.producer, mark]));
  }

  /** Takes an event if its seq is above the producer's mark; returns whether it did. */
  take(producer: string, seq: number, at: number): boolean {
    const mark = this.#marks.get(producer);
    if (mark !== undefined && seq <= mark.seq) return false;
    const newest = Math.max(at, mark?.at ?? 0);
    this.#marks.set(producer, { producer, seq, applied: mark?.applied ?? 0, at: newest });
    if (this.#marks.size > LIMITS.producers) this.#forgetLongestSilent(producer);
    return true;
  }

  /** A turn has taken an input. Nothing to remember of a producer that was forgotten while its input waited. */
  apply(producer: string, seq: number): void {
    const mark = this.#marks.get(producer);
    if (mark !== undefined) this.#marks.set(producer, { ...mark, applied: Math.max(mark.applied, seq) });
  }

  applied(): Applied {
    const marks = [...this.#marks.values()].filter((mark) => mark.applied > 0);
    // Not by assignment: "__proto__" is a producer's name like any other.
    return Object.fromEntries(marks.map((mark) => [mark.producer, mark.applied]));
  }

  toCarry(): ProducerMark[] {
    return [...this.#marks.values()];
  }

  /** Never the one that just spoke, whatever its edge's clock says. */
  #forgetLongestSilent(speaking: string): void {
    let oldest: ProducerMark | undefined;
    for (const mark of this.#marks.values()) {
      if (mark.producer !== speaking && (oldest === undefined || mark.at < oldest.at)) oldest = mark;
    }
    if (oldest !== undefined) this.#marks.delete(oldest.producer);
  }
}
