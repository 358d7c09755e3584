import type { SendAck } from "@holdfast/contract";

type Answer = (ack: SendAck) => void;

/**
 * What one connection is yet to be told of its sends. Events wait for Temporal however long it is away, and what waits must not
 * keep hold of connections that have ended meanwhile: each is tens of kilobytes, and clients come back again and again.
 */
export class Answers {
  readonly #waiting = new Map<number, Answer>();
  #next = 0;

  /** Returns what answers once, as long as there is anybody to answer. It keeps no hold of `answer` itself. */
  add(answer: Answer): Answer {
    const id = this.#next++;
    this.#waiting.set(id, answer);
    return (ack) => this.#settle(id, ack);
  }

  /** Nobody is there any more. */
  drop(): void {
    this.#waiting.clear();
  }

  #settle(id: number, ack: SendAck): void {
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    answer?.(ack);
  }
}
