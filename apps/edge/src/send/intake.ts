import { markOf, wireError, type SendAck, type SessionKey } from "@holdfast/contract";
import type { SnapshotText } from "@holdfast/internal";
import { spread, TokenBuckets } from "../pacing.ts";
import type { Backlog, Backlogs } from "./backlog.ts";
import { CONNECTION_BUDGET, type Coalescer } from "./coalescer.ts";
import { ProducerOrder } from "./producer-order.ts";
import type { MeasuredSend } from "./request-check.ts";
import { Budget, type Submission } from "./session-queue.ts";

/** A session as a connection has it open. */
export interface OpenSession {
  readonly key: SessionKey;
  readonly path: string;
  readonly agent: string;
  /** The connection's subject is not the session's owner. */
  readonly isGuest: boolean;
  /** The session is known to have begun. */
  readonly hasBegun: () => boolean;
}

type Answer = (ack: SendAck) => void;

/** What is kept of a connection's sends: the order of its producers, the room they take, and the answers that are due. */
export class SendLedger {
  /** Whose connection it is. */
  readonly subject: string;
  readonly order = new ProducerOrder();
  readonly budget = new Budget(CONNECTION_BUDGET);
  readonly answers = new Answers();

  constructor(subject: string) {
    this.subject = subject;
  }
}

/** The events of one send, by their numbers. */
interface SentRange {
  producer: string;
  mark: string;
  after: number;
  first: number;
  last: number;
}

export interface IntakeMetrics {
  /** Seconds from the request's arrival to its durable answer. */
  durable(seconds: number): void;
  busy(limit: "queue" | "unapplied"): void;
}

export interface IntakeDeps {
  readonly coalescer: Coalescer;
  readonly backlogs: Backlogs;
  readonly newSessions: Pick<NewSessions, "take">;
  /** The session's state, which has the marks of what turns have taken. Rejects while Redis or Temporal is away. */
  readonly readSnapshot: (key: SessionKey, agent: string) => Promise<Pick<SnapshotText, "applied">>;
  readonly metrics: IntakeMetrics;
}

const REFRESH_INTERVAL_MS = 1_000;

/** From a valid `send` to its one answer: order, limits, coalescer. Awaits nothing but the signal itself. */
export class Intake {
  readonly #deps: IntakeDeps;
  readonly #refreshedAt = new WeakMap<Backlog, number>();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  take(ledger: SendLedger, session: OpenSession, { request, sizes }: MeasuredSend, answer: Answer): void {
    const { producer, events, traceparent } = request;
    const { path, key, agent, isGuest } = session;
    const backlog = this.#deps.backlogs.of(path);
    const mark = markOf(ledger.subject, producer);
    const first = events[0]?.seq ?? 1;
    const last = events.at(-1)?.seq ?? first;
    const after = Math.min(request.after ?? first - 1, first - 1);
    const place = ledger.order.check(path, producer, after);
    if (place.outcome === "out_of_order") {
      return answer({ ok: false, error: wireError("out_of_order", undefined, { after: place.after }) });
    }
    const inputs = events.flatMap(({ kind, seq }, index) => {
      return kind === "input" ? [{ seq, bytes: sizes[index] ?? 0, isGuest }] : [];
    });
    const exceeded = backlog.exceeds(mark, inputs);
    if (exceeded !== undefined) {
      this.#deps.metrics.busy("unapplied");
      this.#refreshMarks(session, backlog);
      const error = wireError("busy", `The agent has not caught up (${exceeded}).`, {
        retryAfterMs: spread(1_000),
      });
      return answer({ ok: false, error });
    }

    const wait = this.#mayBeNew(session) ? this.#deps.newSessions.take(key) : 0;
    if (wait > 0) {
      const retryAfterMs = spread(wait);
      return answer({ ok: false, error: wireError("rate_limited", "Too many new sessions.", { retryAfterMs }) });
    }

    const tell = ledger.answers.add(answer);
    const offer = this.#deps.coalescer.offer({
      target: { key, agent },
      by: ledger.subject,
      producer,
      at: Date.now(),
      traceparent,
      events,
      sizes,
      budget: ledger.budget,
      isGuest,
      settle: this.#settler(ledger.order, path, backlog, { producer, mark, after, first, last }, tell),
    });
    if (offer.outcome === "busy") {
      this.#deps.metrics.busy("queue");
      const { retryAfterMs } = offer;
      return tell({
        ok: false,
        error: wireError("busy", "Too much is waiting to be made durable.", { retryAfterMs }),
      });
    }
    ledger.order.take(path, producer, last);
    for (const input of inputs) backlog.add(mark, input);
  }

  #mayBeNew({ path, hasBegun }: OpenSession): boolean {
    return !hasBegun() && !this.#deps.coalescer.has(path);
  }

  /** What is done once a send is durable or refused. A method of its own, so that the closure holds nothing else of the request. */
  #settler(
    order: ProducerOrder,
    path: string,
    backlog: Backlog,
    { producer, mark, after, first, last }: SentRange,
    tell: (ack: SendAck) => void,
  ): Submission["settle"] {
    const arrivedAt = performance.now();
    return (settlement) => {
      if (settlement.outcome === "durable") {
        this.#deps.metrics.durable((performance.now() - arrivedAt) / 1_000);
        return tell({ ok: true, durable: last });
      }
      order.rollBack(path, producer, after);
      backlog.remove(mark, first);
      tell({ ok: false, error: settlement.error });
    };
  }

  /** Marks of inputs that other edges took, or that were applied while this one did not read, come with a snapshot. */
  #refreshMarks({ key, agent }: OpenSession, backlog: Backlog): void {
    const now = performance.now();
    if (now - (this.#refreshedAt.get(backlog) ?? -Infinity) < REFRESH_INTERVAL_MS) return;
    this.#refreshedAt.set(backlog, now);
    this.#deps.readSnapshot(key, agent).then(
      ({ applied }) => backlog.apply(applied),
      // The client tries again, and so does this.
      () => {},
    );
  }
}

/**
 * The answers that one connection waits for. Events wait for Temporal however long it is away. They must not keep in memory the
 * connections that have ended meanwhile: each is tens of kilobytes, and clients come back again and again.
 */
export class Answers {
  readonly #waiting = new Map<number, Answer>();
  #next = 0;

  /** Returns a function that answers once, unless `drop` came first. That function does not keep `answer` in memory. */
  add(answer: Answer): Answer {
    const id = this.#next++;
    this.#waiting.set(id, answer);
    return (ack) => this.#settle(id, ack);
  }

  /** The connection has ended: nothing is answered any more. */
  drop(): void {
    this.#waiting.clear();
  }

  #settle(id: number, ack: SendAck): void {
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    answer?.(ack);
  }
}

export interface NewSessionsOptions {
  HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_SUBJECT: number;
  HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_TENANT: number;
}

/**
 * SPEC limit-2: the rates at which owners and tenants begin sessions by way of this node. Each session is a workflow that is kept for
 * ever. The rates are in memory, since an event must not wait for anything. A session this node knows nothing of counts as new,
 * though it may be old: then its client is told to wait, and by its next try the node has read the session.
 */
export class NewSessions {
  readonly #subjects: TokenBuckets;
  readonly #tenants: TokenBuckets;

  constructor(options: NewSessionsOptions) {
    const perMinute = (burst: number): TokenBuckets => new TokenBuckets({ burst, perSecond: burst / 60 });
    this.#subjects = perMinute(options.HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_SUBJECT);
    this.#tenants = perMinute(options.HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_TENANT);
  }

  /** Milliseconds to wait; 0 if the session may begin. */
  take({ tenant, owner }: SessionKey): number {
    const now = performance.now();
    return this.#subjects.take(`${tenant}/${owner}`, now) || this.#tenants.take(tenant, now);
  }
}
