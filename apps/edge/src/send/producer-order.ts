/** Whether a batch is the next of its producer on this connection. `after`: up to where the connection's batches were taken. */
export type Place = { outcome: "next" } | { outcome: "out_of_order"; after: number };

/** A connection that uses more producers than this at once starts the oldest anew. */
const MAX_PRODUCERS = 4_096;

/**
 * SPEC send-5: a connection's events of one producer are taken in order and without a hole. The first batch sets the
 * start, even if it is refused. If a refused batch were forgotten, the batch behind it would set a start past it, and the session,
 * which keeps only the highest number, would drop the refused batch when it is sent again.
 */
export class ProducerOrder {
  /** Highest seq taken, by session and producer; the longest unused first. */
  readonly #taken = new Map<string, number>();

  /** `after`: the seq the batch builds on. */
  check(session: string, producer: string, after: number): Place {
    const taken = this.begin(session, producer, after);
    return after <= taken ? { outcome: "next" } : { outcome: "out_of_order", after: taken };
  }

  take(session: string, producer: string, last: number): void {
    const id = idOf(session, producer);
    this.#set(id, Math.max(last, this.#taken.get(id) ?? 0));
  }

  /** What was taken above `after` has been refused after all. */
  rollBack(session: string, producer: string, after: number): void {
    const id = idOf(session, producer);
    const taken = this.#taken.get(id);
    if (taken !== undefined && taken > after) this.#set(id, after);
  }

  /** Notes the start if there is none. Returns the highest seq taken. */
  begin(session: string, producer: string, after: number): number {
    const id = idOf(session, producer);
    const taken = this.#taken.get(id);
    if (taken !== undefined) return taken;
    this.#set(id, after);
    return after;
  }

  #set(id: string, seq: number): void {
    this.#taken.delete(id);
    this.#taken.set(id, seq);
    if (this.#taken.size <= MAX_PRODUCERS) return;
    for (const oldest of this.#taken.keys()) {
      this.#taken.delete(oldest);
      return;
    }
  }
}

function idOf(session: string, producer: string): string {
  return `${session}\n${producer}`;
}
