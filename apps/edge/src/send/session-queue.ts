import { setTimeout as sleep } from "node:timers/promises";
import { markOf, wireError, type Event, type SessionKey, type WireError } from "@holdfast/contract";
import type { EventBatch, EventRun } from "@holdfast/internal";
import { backoff, TokenBucket } from "../pacing.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";

/** The session a signal goes to; `agent` is its agent if this signal starts it. */
export interface Target {
  readonly key: SessionKey;
  readonly agent: string;
}

/**
 * What became of a signal. `retry`: it may or may not have arrived; the same batch is to be sent again. `reason`, for
 * operators: not there where a batch is refused for what its client put into it.
 */
export type SignalOutcome =
  | { outcome: "durable" }
  | { outcome: "retry"; reason: string }
  | { outcome: "refused"; error: WireError; reason?: string };
export type Signal = (target: Target, batch: EventBatch) => Promise<SignalOutcome>;

/** `durable`: Temporal has persisted all of it (SPEC ack-1). */
export type Settlement = { outcome: "durable" } | { outcome: "refused"; error: WireError };

/** The events of one `send`, on their way to the session. */
export interface Submission {
  readonly target: Target;
  /** The subject whose producer it is. */
  readonly by: string;
  readonly producer: string;
  /** Unix milliseconds of arrival. */
  readonly at: number;
  /** SPEC trace-1. */
  readonly traceparent?: string | undefined;
  /** By ascending seq; `sizes` are their encoded bytes. */
  readonly events: readonly Event[];
  readonly sizes: readonly number[];
  /** The budget of the connection it came by. */
  readonly budget: Budget;
  /** It is not from the session's owner. All guests together have half of what may wait for a session. */
  readonly isGuest: boolean;
  /** Called once, and never within `offer`. */
  readonly settle: (settlement: Settlement) => void;
}

/** As much of a submission as one signal carries. `isLast`: with it the submission is settled. */
export interface Piece {
  readonly submission: Submission;
  readonly events: readonly Event[];
  readonly bytes: number;
  readonly isLast: boolean;
}

export interface BatchLimits {
  readonly events: number;
  readonly bytes: number;
}

export interface QueueOptions {
  readonly batch: BatchLimits;
  /** Signals a session may get from this node: at once, and per second for long. */
  readonly pace: { burst: number; perSecond: number };
  /** Bytes of events, likewise. */
  readonly volume: { burst: number; perSecond: number };
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
}

/** What the queue of a session shares with those of all others. */
export interface QueueDeps {
  readonly options: QueueOptions;
  readonly signal: Signal;
  readonly breaker: CircuitBreaker;
  readonly stopping: AbortSignal;
  readonly onSignal: (events: number) => void;
  readonly onSignalEnd: () => void;
  readonly onRetry: (reason: string) => void;
  readonly onDefect: (error: unknown) => void;
  readonly onReleased: (events: number, bytes: number) => void;
}

interface RefusedPiece {
  readonly submission: Submission;
  readonly error: WireError;
}

/**
 * Events of one session that are not durable yet, in the order they came. At most one signal is in flight: what
 * arrives meanwhile is the next batch. A batch that failed is sent again before anything behind it.
 */
export class SessionQueue {
  readonly #deps: QueueDeps;
  readonly #budget: Budget;
  /** The guests' budget: half of the session's, so that they cannot keep the owner from being heard. */
  readonly #guestBudget: Budget;
  readonly #guestVolume: TokenBucket;
  readonly #bucket: TokenBucket;
  readonly #volume: TokenBucket;
  #waiting: Piece[] = [];
  #running = false;

  constructor(deps: QueueDeps, budget: Budget) {
    const { pace, volume } = deps.options;
    this.#deps = deps;
    this.#budget = budget;
    this.#guestBudget = budget.half();
    this.#guestVolume = new TokenBucket(volume.burst / 2, volume.perSecond / 2, performance.now());
    this.#bucket = new TokenBucket(pace.burst, pace.perSecond, performance.now());
    this.#volume = new TokenBucket(volume.burst, volume.perSecond, performance.now());
  }

  /** Those in which a submission needs room. */
  budgets({ isGuest }: Pick<Submission, "isGuest">): Budget[] {
    return isGuest ? [this.#budget, this.#guestBudget] : [this.#budget];
  }

  /** Milliseconds that the session's volume will hold back what waits. */
  delay({ isGuest }: Pick<Submission, "isGuest">): number {
    const now = performance.now();
    const guests = isGuest ? this.#guestVolume.delay(now, this.#guestBudget.bytes) : 0;
    return Math.max(guests, this.#volume.delay(now, this.#budget.bytes));
  }

  /** Whether a new queue in its place would behave the same: nothing is under way, and no debt is left. */
  get isForgettable(): boolean {
    const now = performance.now();
    return !this.#running && this.#bucket.isFull(now) && this.#volume.isFull(now) && this.#guestVolume.isFull(now);
  }

  add(submission: Submission): void {
    this.#waiting.push(...cut(submission, this.#deps.options.batch));
    if (this.#running) return;
    this.#running = true;
    // One round of the event loop later, so that events from the same network packet are in the first batch, too.
    setImmediate(() => {
      this.#run().catch((error: unknown) => this.#deps.onDefect(error));
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#deps.stopping.aborted) {
        await this.#awaitPace();
        await this.#send(this.#takeBatch(), new Map());
      }
    } catch (error) {
      if (!this.#deps.stopping.aborted) throw error;
    } finally {
      this.#running = false;
    }
  }

  /**
   * Leaves the workflow quiet gaps in which it can continue as new: a steady flood of signals would never let it. And the events that
   * come during one turn must not fill the run's history: Temporal terminates a run at 50 MiB, with all that waits in it.
   */
  async #awaitPace(): Promise<void> {
    for (let wait = this.#debt(); wait > 0; wait = this.#debt()) await this.#sleep(wait);
    for (let wait = this.#take(); wait > 0; wait = this.#take()) await this.#sleep(wait);
  }

  #debt(): number {
    return this.#volume.delay(performance.now(), 0);
  }

  #take(): number {
    return this.#bucket.take(performance.now());
  }

  #takeBatch(): Piece[] {
    const { events: maxEvents, bytes: maxBytes } = this.#deps.options.batch;
    let count = 0;
    let events = 0;
    let bytes = 0;
    for (const piece of this.#waiting) {
      events += piece.events.length;
      bytes += piece.bytes;
      if (count > 0 && (events > maxEvents || bytes > maxBytes)) break;
      count++;
    }
    const batch = this.#waiting.splice(0, count);
    // A batch is charged once, however often it is sent. Repeats after a lost answer are rare, and a long outage must not leave a debt.
    const now = performance.now();
    for (const { bytes: size, submission } of batch) {
      this.#volume.spend(now, size);
      if (submission.isGuest) this.#guestVolume.spend(now, size);
    }
    return batch;
  }

  /** Sends the batch until it is durable or refused. Returns the error if it was refused. */
  async #deliver(batch: Piece[]): Promise<WireError | undefined> {
    const target = batch[0]?.submission.target;
    if (target === undefined) return undefined;
    const { options, signal, breaker, onSignal, onSignalEnd, onRetry, onDefect } = this.#deps;
    const content = batchOf(batch);
    for (let attempt = 1; ; attempt++) {
      await breaker.enter();
      this.#deps.stopping.throwIfAborted();
      onSignal(content.runs.reduce((sum, run) => sum + run.events.length, 0));
      const result = await signal(target, content)
        .catch((error: unknown) => {
          onDefect(error);
          return { outcome: "refused", error: wireError("internal") } as const;
        })
        .finally(onSignalEnd);
      breaker.leave(result.outcome !== "retry");
      switch (result.outcome) {
        case "durable":
          return undefined;
        case "refused":
          return result.error;
        case "retry":
          onRetry(result.reason);
          if (!breaker.isHolding) await this.#sleep(backoff(attempt, options.firstRetryMs, options.longestRetryMs));
      }
    }
  }

  /**
   * Sends until each piece is durable or refused. A refused batch is halved until the refused piece stands alone: the pieces of other
   * senders must not be refused with it. `refused`: the refused pieces of this batch, by sender.
   */
  async #send(batch: Piece[], refused: Map<string, RefusedPiece>): Promise<void> {
    const [first, ...others] = batch;
    if (first === undefined) return;
    const error = await this.#deliver(batch);
    if (error === undefined) return batch.forEach((piece) => this.#settle(piece, undefined));
    if (others.length === 0) {
      refused.set(senderOf(first), { submission: first.submission, error });
      this.#settle(first, error);
      this.#waiting = this.#withoutFollowers(this.#waiting, refused);
      return;
    }
    const half = Math.ceil(batch.length / 2);
    await this.#awaitPace();
    await this.#send(batch.slice(0, half), refused);
    const rest = this.#withoutFollowers(batch.slice(half), refused);
    if (rest.length > 0) await this.#awaitPace();
    await this.#send(rest, refused);
  }

  /** Refuses the pieces that a producer sent behind a refused one: they must not overtake it. */
  #withoutFollowers(pieces: readonly Piece[], refused: ReadonlyMap<string, RefusedPiece>): Piece[] {
    return pieces.filter((piece) => {
      const before = refused.get(senderOf(piece));
      if (before === undefined) return true;
      const isSame = before.submission === piece.submission;
      const later = wireError("unavailable", "What was sent before it was refused.", { retryAfterMs: 0 });
      this.#settle(piece, isSame ? before.error : later);
      return false;
    });
  }

  #settle(piece: Piece, error: WireError | undefined): void {
    const { submission, events, bytes, isLast } = piece;
    submission.budget.release(events.length, bytes);
    for (const budget of this.budgets(submission)) budget.release(events.length, bytes);
    this.#deps.onReleased(events.length, bytes);
    if (isLast) submission.settle(error === undefined ? { outcome: "durable" } : { outcome: "refused", error });
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#deps.stopping });
  }
}

/** A producer is named with its subject, because it belongs to it. */
function senderOf({ submission }: Piece): string {
  return markOf(submission.by, submission.producer);
}

/** Cuts a submission into pieces that each fit into one signal, in order. */
export function cut(submission: Submission, limits: BatchLimits): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, size] of submission.sizes.entries()) {
    if (index > start && (index - start === limits.events || bytes + size > limits.bytes)) {
      pieces.push({ submission, events: submission.events.slice(start, index), bytes, isLast: false });
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  pieces.push({ submission, events: submission.events.slice(start), bytes, isLast: true });
  return pieces;
}

/**
 * The pieces as a signal's argument. Pieces of one producer that stand next to each other become one run; a number
 * the run is already past is a repeat (SPEC send-7) and left out, so that a run always ascends.
 */
export function batchOf(pieces: readonly Piece[]): EventBatch {
  const runs: EventRun[] = [];
  for (const { submission, events } of pieces) {
    const last = runs.at(-1);
    const { by, producer, at, traceparent } = submission;
    if (last === undefined || last.by !== by || last.producer !== producer || last.traceparent !== traceparent) {
      runs.push({ by, producer, at, events: [...events], ...(traceparent !== undefined && { traceparent }) });
      continue;
    }
    last.at = at;
    const seen = last.events.at(-1)?.seq ?? 0;
    for (const event of events) if (event.seq > seen) last.events.push(event);
  }
  return { runs };
}

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

  /** Half as large, for guests. */
  half(): Budget {
    return new Budget({ events: this.#maxEvents / 2, bytes: this.#maxBytes / 2 });
  }

  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An empty budget takes anything: else a send larger than the budget could never be sent. */
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
