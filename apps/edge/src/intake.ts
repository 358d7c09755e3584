import { markOf, wireError, type SendAck, type SendRequest, type SessionKey } from "@holdfast/contract";
import type { NewSessions } from "./admission.ts";
import type { Answers } from "./answers.ts";
import { spread } from "./backoff.ts";
import type { Budget } from "./budget.ts";
import type { Coalescer } from "./coalescer.ts";
import type { Feed } from "./feed.ts";
import type { ProducerOrder } from "./producer-order.ts";
import { measureEvents } from "./request-check.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Submission } from "./submission.ts";

/** A session as a connection has it open. */
export interface OpenSession {
  readonly key: SessionKey;
  readonly agent: string;
  readonly feed: Feed;
  /** The connection's subject is not the session's owner. */
  readonly isGuest: boolean;
}

/** What a connection carries from one `send` to the next. */
export interface Sender {
  /** Whose connection it is. */
  readonly subject: string;
  readonly order: ProducerOrder;
  readonly budget: Budget;
  readonly answers: Answers;
}

/** The events of one send, by their numbers. */
interface SentRange {
  producer: string;
  mark: string;
  after: number;
  first: number;
  last: number;
}

export interface IntakeProbe {
  /** Seconds from the request's arrival to its durable answer. */
  durable(seconds: number): void;
  busy(limit: "queue" | "unapplied"): void;
}

/** Where a log with nothing in it ends (SPEC chain-2). */
const START = "0";
const REFRESH_INTERVAL_MS = 1_000;

/** From a valid `send` to its one answer: order, limits, coalescer. Awaits nothing but the signal itself. */
export class Intake {
  readonly #coalescer: Coalescer;
  readonly #snapshots: Pick<Snapshots, "read">;
  readonly #newSessions: Pick<NewSessions, "take">;
  readonly #probe: IntakeProbe;
  readonly #refreshedAt = new WeakMap<Feed, number>();

  constructor(
    coalescer: Coalescer,
    snapshots: Pick<Snapshots, "read">,
    newSessions: Pick<NewSessions, "take">,
    probe: IntakeProbe,
  ) {
    this.#newSessions = newSessions;
    this.#coalescer = coalescer;
    this.#snapshots = snapshots;
    this.#probe = probe;
  }

  take(sender: Sender, session: OpenSession, request: SendRequest, answer: (ack: SendAck) => void): void {
    const { producer, events } = request;
    const { feed, key, agent, isGuest } = session;
    const mark = markOf(sender.subject, producer);
    const first = events[0]?.seq ?? 1;
    const last = events.at(-1)?.seq ?? first;
    const after = Math.min(request.after ?? first - 1, first - 1);
    const place = sender.order.check(feed.path, producer, after);
    const measured = measureEvents(events);
    if (measured.outcome === "refused") return answer({ ok: false, error: measured.error });
    if (place.outcome === "out_of_order") {
      return answer({ ok: false, error: wireError("out_of_order", undefined, { after: place.after }) });
    }
    const sizes = measured.request;
    const inputs = events.flatMap(({ kind, seq }, index) => {
      return kind === "input" ? [{ seq, bytes: sizes[index] ?? 0, isGuest }] : [];
    });
    const exceeded = feed.backlog.exceeds(mark, inputs);
    if (exceeded !== undefined) {
      this.#probe.busy("unapplied");
      this.#refreshMarks(session);
      const error = wireError("busy", `The agent has not caught up (${exceeded}).`, {
        retryAfterMs: spread(1_000),
      });
      return answer({ ok: false, error });
    }

    const wait = this.#mayBeNew(feed) ? this.#newSessions.take(key) : 0;
    if (wait > 0) {
      const retryAfterMs = spread(wait);
      return answer({ ok: false, error: wireError("rate_limited", "Too many new sessions.", { retryAfterMs }) });
    }

    const tell = sender.answers.add(answer);
    const offer = this.#coalescer.offer({
      target: { key, agent },
      by: sender.subject,
      producer,
      at: Date.now(),
      events,
      sizes,
      budget: sender.budget,
      isGuest,
      settle: this.#settler(sender.order, feed, { producer, mark, after, first, last }, tell),
    });
    if (offer.outcome === "busy") {
      this.#probe.busy("queue");
      const { retryAfterMs } = offer;
      return tell({
        ok: false,
        error: wireError("busy", "Too much is waiting to be made durable.", { retryAfterMs }),
      });
    }
    sender.order.take(feed.path, producer, last);
    for (const input of inputs) feed.backlog.add(mark, input);
  }

  #mayBeNew({ path, tail }: Feed): boolean {
    return (tail === undefined || tail === START) && !this.#coalescer.has(path);
  }

  /** What is to be done once it is known what became of a send. Of its own, so that it holds nothing else of the request. */
  #settler(
    order: ProducerOrder,
    { path, backlog }: Feed,
    { producer, mark, after, first, last }: SentRange,
    tell: (ack: SendAck) => void,
  ): Submission["settle"] {
    const arrivedAt = performance.now();
    return (settlement) => {
      if (settlement.outcome === "durable") {
        this.#probe.durable((performance.now() - arrivedAt) / 1_000);
        return tell({ ok: true, durable: last });
      }
      order.rollBack(path, producer, after);
      backlog.remove(mark, first);
      tell({ ok: false, error: settlement.error });
    };
  }

  /** Marks of inputs that other edges took, or that were applied while this one did not read, come with a snapshot. */
  #refreshMarks({ feed, key, agent }: OpenSession): void {
    const now = performance.now();
    if (now - (this.#refreshedAt.get(feed) ?? -Infinity) < REFRESH_INTERVAL_MS) return;
    this.#refreshedAt.set(feed, now);
    this.#snapshots.read(key, agent).then(
      ({ snapshot }) => feed.learn(snapshot),
      // The client tries again, and so does this.
      () => {},
    );
  }
}
