import { setTimeout as sleep } from "node:timers/promises";
import { markOf, wireError, type WireError } from "@holdfast/contract";
import { backoff } from "./backoff.ts";
import type { Budget } from "./budget.ts";
import type { SignalGate } from "./signal-gate.ts";
import { batchOf, cut, type BatchLimits, type Piece, type Signal, type Submission } from "./submission.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface QueueSettings {
  readonly batch: BatchLimits;
  /** Signals a session may get from this node: at once, and per second for long. */
  readonly pace: { burst: number; perSecond: number };
  /** Bytes of events, likewise. */
  readonly volume: { burst: number; perSecond: number };
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
}

/** What the queue of a session shares with those of all others. */
export interface QueueSurroundings {
  readonly settings: QueueSettings;
  readonly signal: Signal;
  readonly gate: SignalGate;
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
  readonly #surroundings: QueueSurroundings;
  readonly #budget: Budget;
  /** Of all who are not the session's owner: half of each, so that they cannot keep the owner from being heard. */
  readonly #guestBudget: Budget;
  readonly #guestVolume: TokenBucket;
  readonly #bucket: TokenBucket;
  readonly #volume: TokenBucket;
  #waiting: Piece[] = [];
  #running = false;

  constructor(surroundings: QueueSurroundings, budget: Budget) {
    const { pace, volume } = surroundings.settings;
    this.#surroundings = surroundings;
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

  /** Milliseconds until what waits has gone out, as far as its volume decides. */
  delay({ isGuest }: Pick<Submission, "isGuest">): number {
    const now = performance.now();
    const guests = isGuest ? this.#guestVolume.delay(now, this.#guestBudget.bytes) : 0;
    return Math.max(guests, this.#volume.delay(now, this.#budget.bytes));
  }

  /** Nothing under way, and a new queue in its place would behave the same. */
  get isForgettable(): boolean {
    const now = performance.now();
    return !this.#running && this.#bucket.isFull(now) && this.#volume.isFull(now) && this.#guestVolume.isFull(now);
  }

  add(submission: Submission): void {
    this.#waiting.push(...cut(submission, this.#surroundings.settings.batch));
    if (this.#running) return;
    this.#running = true;
    // One turn of the event loop later, what came in the same packet of the network is in the first batch too.
    setImmediate(() => {
      this.#run().catch((error: unknown) => this.#surroundings.onDefect(error));
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#surroundings.stopping.aborted) {
        await this.#awaitPace();
        await this.#send(this.#takeBatch(), new Map());
      }
    } catch (error) {
      if (!this.#surroundings.stopping.aborted) throw error;
    } finally {
      this.#running = false;
    }
  }

  /**
   * Leaves the workflow quiet gaps in which it can continue as new: a steady flood of signals would starve that. And what
   * it takes in one turn must not fill its history: Temporal terminates a run at 50 MiB, with all it was trusted with.
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
    const { events: maxEvents, bytes: maxBytes } = this.#surroundings.settings.batch;
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
    // Once, however often it is sent: what a lost answer repeats is rare, and a long outage must not leave a long debt.
    const now = performance.now();
    for (const { bytes: size, submission } of batch) {
      this.#volume.spend(now, size);
      if (submission.isGuest) this.#guestVolume.spend(now, size);
    }
    return batch;
  }

  /** Until it is durable or refused; why it was refused. */
  async #deliver(batch: Piece[]): Promise<WireError | undefined> {
    const target = batch[0]?.submission.target;
    if (target === undefined) return undefined;
    const { settings, signal, gate, onSignal, onSignalEnd, onRetry, onDefect } = this.#surroundings;
    const content = batchOf(batch);
    for (let attempt = 1; ; attempt++) {
      await gate.enter();
      this.#surroundings.stopping.throwIfAborted();
      onSignal(content.runs.reduce((sum, run) => sum + run.events.length, 0));
      const result = await signal(target, content)
        .catch((error: unknown) => {
          onDefect(error);
          return { outcome: "refused", error: wireError("internal") } as const;
        })
        .finally(onSignalEnd);
      gate.leave(result.outcome !== "retry");
      switch (result.outcome) {
        case "durable":
          return undefined;
        case "refused":
          return result.error;
        case "retry":
          onRetry(result.reason);
          if (!gate.isHolding) await this.#sleep(backoff(attempt, settings.firstRetryMs, settings.longestRetryMs));
      }
    }
  }

  /**
   * Until each piece is durable or refused. A refused batch is halved until what is refused stands alone: it may come of one
   * sender, and the others had no part in it. `refused`: by sender, what was of this batch.
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

  /** What its producer sent behind a refused piece, in the belief that it goes first, must not overtake it: refuses that. */
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
    this.#surroundings.onReleased(events.length, bytes);
    if (isLast) submission.settle(error === undefined ? { outcome: "durable" } : { outcome: "refused", error });
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#surroundings.stopping });
  }
}

/** Whose order counts: a producer belongs to its subject. */
function senderOf({ submission }: Piece): string {
  return markOf(submission.by, submission.producer);
}
