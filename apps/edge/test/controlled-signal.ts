import type { Event } from "@holdfast/contract";
import type { EventBatch } from "@holdfast/internal";
import { Budget } from "../src/send/session-queue.ts";
import { Coalescer, COALESCER_OPTIONS, CONNECTION_BUDGET, type CoalescerOptions } from "../src/send/coalescer.ts";
import type { Settlement, Signal, SignalOutcome, Submission } from "../src/send/session-queue.ts";

/** A `signal` whose every call waits until the test answers it. */
export class ControlledSignal {
  readonly batches: EventBatch[] = [];
  readonly #answers: ((outcome: SignalOutcome) => void)[] = [];
  #arrivals: (() => void)[] = [];
  inFlight = 0;
  mostInFlight = 0;

  readonly signal: Signal = async (_target, batch) => {
    this.batches.push(structuredClone(batch));
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    const outcome = new Promise<SignalOutcome>((resolve) => this.#answers.push(resolve));
    for (const resolve of this.#arrivals.splice(0)) resolve();
    return outcome.finally(() => this.inFlight--);
  };

  /** Resolves when a signal waits for its answer. */
  async arrived(): Promise<void> {
    while (this.#answers.length === 0) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  async answer(outcome: SignalOutcome): Promise<void> {
    await this.arrived();
    this.#answers.shift()?.(outcome);
  }

  seqs(batch: number): number[] {
    return (this.batches[batch]?.runs ?? []).flatMap((run) => run.events.map(({ seq }) => seq));
  }
}

const FAST: CoalescerOptions = { ...COALESCER_OPTIONS, firstRetryMs: 1, longestRetryMs: 4 };

export function startCoalescer(controlled: { signal: Signal }, settings: Partial<CoalescerOptions> = {}) {
  const retries: string[] = [];
  const failures: unknown[] = [];
  const coalescer = new Coalescer(
    controlled.signal,
    {
      signalStarted: () => {},
      signalEnded: () => {},
      retried: (reason) => retries.push(reason),
      failed: (error) => failures.push(error),
    },
    { ...FAST, ...settings },
  );
  return { coalescer, retries, failures };
}

function observe(seq: number): Event {
  return { seq, kind: "observe", name: "click" };
}

interface Offered {
  offer: ReturnType<Coalescer["offer"]>;
  settled: Promise<Settlement>;
}

export function offer(
  coalescer: Coalescer,
  seqs: number[],
  more: Partial<Pick<Submission, "producer" | "budget" | "isGuest">> & { session?: string; size?: number } = {},
): Offered {
  const { promise, resolve } = Promise.withResolvers<Settlement>();
  const outcome = coalescer.offer({
    target: { key: { tenant: "t", owner: "o", name: more.session ?? "s" }, agent: "echo" },
    by: "ann",
    producer: more.producer ?? "p",
    at: 1,
    events: seqs.map(observe),
    sizes: seqs.map(() => more.size ?? 10),
    budget: more.budget ?? new Budget(CONNECTION_BUDGET),
    isGuest: more.isGuest ?? false,
    settle: resolve,
  });
  return { offer: outcome, settled: promise };
}
