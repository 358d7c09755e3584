import type { OutboxEntry } from "./outbox-entry.ts";

export interface Batch {
  /** SPEC send-5: the seq before the first of these that was not refused for good. */
  after: number;
  entries: OutboxEntry[];
}

/** One producer's events that are not durable yet, in order; the first `sent` of them are under way. */
export class OutboxQueue {
  #entries: OutboxEntry[] = [];
  #sent = 0;
  #bytes = 0;
  /** What `after` is when everything before the first entry is settled. */
  #settled: number;

  /** `settled`: seq of the last event before the first that will be added. */
  constructor(settled: number) {
    this.#settled = settled;
  }

  get length(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get entries(): readonly OutboxEntry[] {
    return this.#entries;
  }

  add(entry: OutboxEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** The next events to send, now under way; undefined when all are. At least one, however large it is. */
  take(maxEvents: number, maxBytes: number): Batch | undefined {
    const from = this.#sent;
    const after = this.#entries[from - 1]?.seq ?? this.#settled;
    let bytes = 0;
    while (this.#sent < this.#entries.length && this.#sent - from < maxEvents) {
      bytes += this.#entries[this.#sent]?.bytes ?? 0;
      if (bytes > maxBytes && this.#sent > from) break;
      this.#sent++;
    }
    const [first, ...others] = this.#entries.slice(from, this.#sent);
    // One that was made durable before those in front of it, by an answer that came first, is behind them all the same.
    return first && { after: Math.min(after, first.seq - 1), entries: [first, ...others] };
  }

  /** Everything left is to be sent again, from the first on. */
  rewind(): void {
    this.#sent = 0;
  }

  /**
   * The connection took everything up to `taken` and misses what lies between that and the first entry here; all of that
   * was made durable over another connection or refused for good, so there is nothing between them.
   */
  closeGap(taken: number): void {
    this.#settled = Math.min(this.#settled, taken);
  }

  /** Drops what is settled, wherever it stands. */
  sweep(): void {
    const kept: OutboxEntry[] = [];
    let sent = 0;
    this.#entries.forEach((entry, index) => {
      if (entry.status === "sending") {
        kept.push(entry);
        if (index < this.#sent) sent++;
        return;
      }
      this.#bytes -= entry.bytes;
      if (entry.status === "durable") this.#settled = Math.max(this.#settled, entry.seq);
    });
    this.#entries = kept;
    this.#sent = sent;
  }
}
