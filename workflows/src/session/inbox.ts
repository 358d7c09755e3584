import { LIMITS } from "@holdfast/contract/limits";
import { crowdedOut, markOf } from "@holdfast/contract/marks";
import type { Applied } from "@holdfast/contract/snapshot";
import type { Input } from "@holdfast/contract/turn";

/** An input that no turn has taken yet. */
export interface WaitingInput {
  readonly input: Input;
  /** SPEC trace-1, of the request it came by. */
  readonly traceparent?: string;
}

/** SPEC send-2: inputs made durable and not yet taken by a turn, in the order they were made durable. */
export class Inbox {
  #inputs: WaitingInput[];
  #taken = 0;

  constructor(inputs: readonly WaitingInput[] = []) {
    this.#inputs = [...inputs];
  }

  get size(): number {
    return this.#inputs.length - this.#taken;
  }

  add(input: WaitingInput): void {
    this.#inputs.push(input);
  }

  take(): WaitingInput | undefined {
    const input = this.#inputs[this.#taken];
    if (input === undefined) return undefined;
    this.#taken++;
    // Not `shift`, which would move the whole rest at every turn.
    if (this.#taken * 2 > this.#inputs.length) {
      this.#inputs = this.#inputs.slice(this.#taken);
      this.#taken = 0;
    }
    return input;
  }

  get waiting(): WaitingInput[] {
    return this.#inputs.slice(this.#taken);
  }
}

/** How far a session has taken one producer's events. */
export interface ProducerMark {
  /** Subject and producer. */
  readonly mark: string;
  /** SPEC send-7: the highest seq taken; nothing at or below it is taken again. */
  readonly seq: number;
  /** SPEC ack-2: the highest seq of an input that a turn has taken; 0 for none. */
  readonly applied: number;
  /** Unix milliseconds at the edge of its newest event: decides which producer is forgotten first, nothing else. */
  readonly at: number;
}

/** A producer, and the subject it belongs to. */
export interface Speaker {
  readonly by: string;
  readonly producer: string;
}

/** Every producer's mark, for the last LIMITS.producers of them. */
export class Producers {
  readonly #marks: Map<string, ProducerMark>;

  constructor(marks: readonly ProducerMark[] = []) {
    this.#marks = new Map(marks.map((mark) => [mark.mark, mark]));
  }

  /** Takes an event if its seq is above the producer's mark; returns whether it did. */
  take({ by, producer }: Speaker, seq: number, at: number): boolean {
    const mark = markOf(by, producer);
    const before = this.#marks.get(mark);
    if (before !== undefined && seq <= before.seq) return false;
    const newest = Math.max(at, before?.at ?? 0);
    this.#marks.set(mark, { mark, seq, applied: before?.applied ?? 0, at: newest });
    if (this.#marks.size > LIMITS.producers) this.#forgetOne(mark);
    return true;
  }

  /** A turn has taken an input. Nothing to remember of a producer that was forgotten while its input waited. */
  apply({ by, producer }: Speaker, seq: number): void {
    const mark = markOf(by, producer);
    const before = this.#marks.get(mark);
    if (before !== undefined) this.#marks.set(mark, { ...before, applied: Math.max(before.applied, seq) });
  }

  applied(): Applied {
    const marks = [...this.#marks.values()].filter((mark) => mark.applied > 0);
    return Object.fromEntries(marks.map(({ mark, applied }) => [mark, applied]));
  }

  get marks(): ProducerMark[] {
    return [...this.#marks.values()];
  }

  /** Of the subject that has most the longest silent one; never the one that just spoke, whatever its edge's clock says. */
  #forgetOne(speaking: string): void {
    const age = (mark: ProducerMark): number => (mark.mark === speaking ? Number.POSITIVE_INFINITY : mark.at);
    const byAge = [...this.#marks.values()].toSorted((a, b) => age(a) - age(b));
    const forgotten = crowdedOut(byAge.map(({ mark }) => mark));
    if (forgotten !== undefined) this.#marks.delete(forgotten);
  }
}
