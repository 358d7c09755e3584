/** Room for events that are not durable yet: how many, and how many bytes. One per session, connection and node. */
export class Budget {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #events = 0;
  #bytes = 0;

  constructor(limits: { events: number; bytes: number }) {
    this.#maxEvents = limits.events;
    this.#maxBytes = limits.bytes;
  }

  /** Half as large, for all who are not the owner of what this is a budget of. */
  half(): Budget {
    return new Budget({ events: this.#maxEvents / 2, bytes: this.#maxBytes / 2 });
  }

  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An empty budget takes anything, or what is larger than the whole of it could never be sent. */
  fits(events: number, bytes: number): boolean {
    if (this.#events === 0) return true;
    return this.#events + events <= this.#maxEvents && this.#bytes + bytes <= this.#maxBytes;
  }

  add(events: number, bytes: number): void {
    this.#events += events;
    this.#bytes += bytes;
  }

  release(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
  }
}
