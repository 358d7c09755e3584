import {
  type Cursor,
  emptySnapshot,
  type Event,
  type Frame,
  isRetryable,
  LIMITS,
  reduceFrame,
  type Reduction,
  type SendAck,
  type SendRequest,
  type Snapshot,
  type WireError,
  textOf,
} from "@holdfast/contract";
import type { EventKind, Offered, Progress, Sent } from "./trial.ts";

/** What a session needs of its connection. */
export interface Wire {
  /** Rejects when no answer came (connection lost, time over). */
  send(request: SendRequest): Promise<SendAck>;
  open(session: string, cursor: Cursor | undefined): Promise<void>;
}

/** How the text of an input of given length and an observe look. Small facts and short sentences, as users make them. */
function eventOf(sent: Sent): Event {
  if (sent.kind === "observe") return { seq: sent.seq, kind: "observe", name: "click", data: { at: sent.seq } };
  return { seq: sent.seq, kind: "input", text: `Number ${sent.seq}: I would like to visit Paris in May.` };
}

/**
 * A reader and an outbox, from SPEC.md alone: no more per event than a user's client would do, so that many of them fit
 * into one process. Checks as it reads that every input is in exactly one turn and that no frame breaks the chain.
 */
export class WireSession {
  readonly name: string;
  readonly producer: string;
  readonly offered: Offered = { inputs: 0, observes: 0 };
  /** What is wrong so far, as sentences. */
  readonly faults: string[] = [];
  readonly #wire: Wire;
  readonly #progress: Progress;
  readonly #perSend: number;
  /** Not durable yet, in order; the first `#inFlight` of them are with the edge. */
  #outbox: Sent[] = [];
  #inFlight = 0;
  #requests = 0;
  #retryAt: number | undefined;
  #flushing = false;
  readonly #inputs = new Map<number, Sent>();
  readonly #answered = new Set<number>();
  #lastSeq = 0;
  #cursor: Cursor | undefined;
  #snapshot: Snapshot = emptySnapshot("");

  constructor(name: string, producer: string, wire: Wire, progress: Progress, perSend: number) {
    this.name = name;
    this.producer = producer;
    this.#wire = wire;
    this.#progress = progress;
    this.#perSend = Math.min(perSend, LIMITS.eventsPerSend);
  }

  get unsettled(): number {
    const inputs = this.#inputs.size;
    return inputs + this.#outbox.reduce((sum, sent) => sum + (sent.kind === "observe" ? 1 : 0), 0);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void {
    for (const kind of burst) {
      const sent: Sent = { seq: ++this.#lastSeq, kind, intendedAt, counted };
      this.#outbox.push(sent);
      if (kind === "input") this.#inputs.set(sent.seq, sent);
      this.offered[kind === "input" ? "inputs" : "observes"]++;
    }
    this.#flushSoon();
  }

  /** After the connection came back: everything not durable is sent again (SPEC ack-3). */
  async reopen(): Promise<void> {
    await this.#wire.open(this.name, this.#cursor);
    this.#inFlight = 0;
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#retryAt === undefined && this.#inFlight < this.#outbox.length) {
      const batch = this.#outbox.slice(this.#inFlight, this.#inFlight + this.#perSend);
      this.#inFlight += batch.length;
      this.#request(batch);
    }
  }

  #request(batch: Sent[]): void {
    this.#requests++;
    const request = { session: this.name, producer: this.producer, events: batch.map(eventOf) };
    this.#wire.send(request).then(
      (ack) => this.#onAck(ack),
      () => this.#onLost(),
    );
  }

  #onAck(ack: SendAck): void {
    this.#requests--;
    if (ack.ok) this.#onDurable(ack.durable);
    else this.#onRefused(ack.error);
  }

  #onDurable(seq: number): void {
    let count = 0;
    while (count < this.#outbox.length && (this.#outbox[count]?.seq ?? Infinity) <= seq) count++;
    const durable = this.#outbox.splice(0, count);
    this.#inFlight = Math.max(this.#inFlight - count, 0);
    for (const sent of durable) this.#progress.durable(sent);
    this.#resendWhenQuiet();
  }

  #onRefused(error: WireError): void {
    this.#progress.note(error.code);
    if (!isRetryable(error) && error.code !== "not_open") {
      this.faults.push(`${this.name}: the edge refused an event for good: ${error.code}: ${error.message}`);
      return;
    }
    const wait = error.retryAfterMs ?? (error.code === "out_of_order" ? 0 : 100);
    this.#retryAt = Math.max(this.#retryAt ?? 0, performance.now() + wait);
    this.#resendWhenQuiet();
  }

  #onLost(): void {
    this.#requests--;
    this.#progress.note("no_answer");
    this.#retryAt = Math.max(this.#retryAt ?? 0, performance.now() + 100);
    this.#resendWhenQuiet();
  }

  /** SPEC send-5: once one request is refused those behind it are too, so all is sent again when all have been answered. */
  #resendWhenQuiet(): void {
    if (this.#retryAt === undefined || this.#requests > 0) return;
    const wait = Math.max(this.#retryAt - performance.now(), 0);
    setTimeout(() => {
      this.#retryAt = undefined;
      this.#inFlight = 0;
      this.#flush();
    }, wait);
  }

  accept(frames: readonly Frame[]): void {
    for (const frame of frames) this.#accept(frame);
  }

  #accept(frame: Frame): void {
    if (frame.type !== "snapshot" && frame.prev !== this.#cursor) return this.#gap("chain_gap");
    this.#cursor = frame.id;
    const reduction = this.#reduce(frame);
    if (reduction.outcome === "gap") return this.#gap("version_gap");
    if (reduction.outcome === "ignored") return;
    const before = this.#snapshot;
    this.#snapshot = reduction.snapshot;
    this.#report(before, frame);
  }

  #reduce(frame: Frame): Reduction {
    try {
      return reduceFrame(this.#snapshot, frame);
    } catch (error) {
      this.faults.push(
        `${this.name}: a ${frame.type} at version ${this.#snapshot.version} does not apply: ${String(error)}`,
      );
      return { outcome: "gap" };
    }
  }

  #report(before: Snapshot, frame: Frame): void {
    switch (frame.type) {
      case "snapshot":
        return this.#reportSnapshot(frame.snapshot);
      case "delta":
        if (before.running !== null && textOf(before.running) === "")
          this.#forInputs(before.running.inputs, (sent) => this.#progress.first(sent));
        return;
      case "turn.ended":
        if (frame.outcome !== "completed") this.#progress.note(`turn ${frame.outcome}`);
        return this.#settle(before.running?.inputs ?? []);
      default:
        return;
    }
  }

  /** Turns that ended while the reader was away, if there are such, are settled from the snapshot. */
  #reportSnapshot(snapshot: Snapshot): void {
    if (snapshot.version > 0) this.#progress.note("snapshot");
    for (const turn of snapshot.turns) {
      this.#settle(turn.inputs.filter((input) => input.producer === this.producer && this.#inputs.has(input.seq)));
    }
  }

  #settle(inputs: readonly { producer: string; seq: number }[]): void {
    for (const { producer, seq } of inputs) {
      if (producer !== this.producer) continue;
      if (this.#answered.has(seq)) this.faults.push(`${this.name}: input ${seq} is in two turns.`);
      this.#answered.add(seq);
      const sent = this.#inputs.get(seq);
      this.#inputs.delete(seq);
      if (sent !== undefined) this.#progress.final(sent);
    }
  }

  #forInputs(inputs: readonly { producer: string; seq: number }[], tell: (sent: Sent) => void): void {
    for (const { producer, seq } of inputs) {
      const sent = producer === this.producer ? this.#inputs.get(seq) : undefined;
      if (sent !== undefined) tell(sent);
    }
  }

  /** SPEC chain-3: after a gap only a snapshot helps. Frames until it comes break the chain too and are ignored. */
  #gap(what: string): void {
    this.#progress.note(what);
    if (this.#cursor === undefined) return;
    this.#cursor = undefined;
    this.#wire.open(this.name, undefined).catch(() => this.#progress.note("reopen_failed"));
  }
}
