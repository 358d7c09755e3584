import {
  type Cursor,
  emptySnapshot,
  type Event,
  type Frame,
  type Input,
  isRetryable,
  LIMITS,
  reduceFrame,
  type Reduction,
  type SendAck,
  type SendRequest,
  type Snapshot,
  textOf,
  type WireError,
} from "@holdfast/contract";
import type { Recorder } from "../measure/recorder.ts";
import { LoadSession, type Sent } from "./session.ts";

/** What a session needs of its connection. */
export interface Wire {
  /** Rejects when no answer came (connection lost, time over). */
  send(request: SendRequest): Promise<SendAck>;
  open(session: string, cursor: Cursor | undefined): Promise<void>;
}

export interface WireSessionOptions {
  name: string;
  /** Events in one `send` at most. */
  perSend: number;
  workflowId?: string | undefined;
  /** What the system itself says the session holds; undefined where there is no truth but what the reader saw. */
  truth?: () => Promise<WorkflowFacts | undefined>;
}

export interface WorkflowFacts {
  turns: number;
  /** Undefined where the system does not count them. */
  observes: number | undefined;
}

export const PRODUCER = "bench";

/** Before what got no answer, or a refusal that names no time, is sent again. */
const RETRY_MS = 100;

/** Small facts and short sentences, as users make them. */
function eventOf({ kind, seq }: Sent): Event {
  if (kind === "observe") return { seq, kind, name: "click", data: { at: seq } };
  return { seq, kind, text: `Number ${seq}: I would like to visit Paris in May.` };
}

/**
 * A reader and an outbox, from SPEC.md alone: no more per event than a user's client would do, so that many of them fit
 * into one process. Checks as it reads that every input is in exactly one turn and that no frame breaks the chain.
 */
export class WireSession extends LoadSession {
  readonly workflowId: string | undefined;
  readonly #wire: Wire;
  readonly #perSend: number;
  readonly #truth: WireSessionOptions["truth"];
  /** Not durable yet, in order; the first `#inFlight` of them are with the edge. */
  readonly #outbox: Sent[] = [];
  #inFlight = 0;
  #requests = 0;
  #retryAt: number | undefined;
  #flushing = false;
  readonly #answered = new Set<number>();
  #cursor: Cursor | undefined;
  #snapshot: Snapshot = emptySnapshot("");

  constructor(wire: Wire, recorder: Recorder, { name, perSend, workflowId, truth }: WireSessionOptions) {
    super(name, recorder);
    this.workflowId = workflowId;
    this.#wire = wire;
    this.#perSend = Math.min(perSend, LIMITS.eventsPerSend);
    this.#truth = truth;
  }

  /** Also after the connection came back: everything not durable is sent again (SPEC ack-3). */
  async open(): Promise<void> {
    await this.#wire.open(this.name, this.#cursor);
    this.#inFlight = 0;
    this.#flushSoon();
  }

  async verify(): Promise<string[]> {
    const { input, observe } = this.offered;
    const truth = await this.#truth?.();
    const compared = [
      [input, this.#snapshot.turns.at(-1)?.turn ?? 0, "inputs were sent, the reader saw turns:"],
      [input, truth?.turns, "inputs were sent, the workflow holds turns:"],
      [observe, truth?.observes, "observes were sent, the workflow counted"],
    ] as const;
    const wrong = compared.filter(([sent, held]) => held !== undefined && held !== sent);
    return [...this.faults, ...wrong.map(([sent, held, sentence]) => `${this.name}: ${sent} ${sentence} ${held}.`)];
  }

  protected send(events: Sent[]): void {
    this.#outbox.push(...events);
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
      void this.#request(batch.map(eventOf));
    }
  }

  async #request(events: Event[]): Promise<void> {
    this.#requests++;
    const ack = await this.#wire.send({ session: this.name, producer: PRODUCER, events }).catch(() => undefined);
    this.#requests--;
    if (ack === undefined) this.#retryAfter(RETRY_MS, "no_answer");
    else if (ack.ok) this.#onDurable(ack.durable);
    else this.#onRefused(ack.error);
    this.#resendWhenQuiet();
  }

  #onDurable(seq: number): void {
    const behind = this.#outbox.findIndex((sent) => sent.seq > seq);
    const durable = this.#outbox.splice(0, behind === -1 ? this.#outbox.length : behind);
    this.#inFlight = Math.max(this.#inFlight - durable.length, 0);
    for (const sent of durable) this.durable(sent);
  }

  #onRefused(error: WireError): void {
    const { code, message, retryAfterMs } = error;
    if (isRetryable(error) || code === "not_open") {
      this.#retryAfter(retryAfterMs ?? (code === "out_of_order" ? 0 : RETRY_MS), code);
      return;
    }
    this.recorder.note(code);
    this.faults.push(`${this.name}: the edge refused an event for good: ${code}: ${message}`);
  }

  #retryAfter(milliseconds: number, why: string): void {
    this.recorder.note(why);
    this.#retryAt = Math.max(this.#retryAt ?? 0, performance.now() + milliseconds);
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
    const { running } = this.#snapshot;
    this.#snapshot = reduction.snapshot;
    const own = seqsOf(running?.inputs ?? []);
    if (frame.type === "snapshot") this.#settleFrom(frame.snapshot);
    if (frame.type === "delta" && running !== null && textOf(running) === "") own.forEach((seq) => this.first(seq));
    if (frame.type !== "turn.ended") return;
    if (frame.outcome !== "completed") this.recorder.note(`turn ${frame.outcome}`);
    own.forEach((seq) => this.#settle(seq));
  }

  #reduce(frame: Frame): Reduction {
    try {
      return reduceFrame(this.#snapshot, frame);
    } catch (error) {
      const { version } = this.#snapshot;
      this.faults.push(`${this.name}: a ${frame.type} at version ${version} does not apply: ${String(error)}`);
      return { outcome: "gap" };
    }
  }

  /** Turns that ended while the reader was away, if there are such, are settled from the snapshot. */
  #settleFrom({ version, turns }: Snapshot): void {
    if (version > 0) this.recorder.note("snapshot");
    const own = seqsOf(turns.flatMap((turn) => turn.inputs));
    for (const seq of own) if (this.isUnsettled(seq)) this.#settle(seq);
  }

  #settle(seq: number): void {
    if (this.#answered.has(seq)) this.faults.push(`${this.name}: input ${seq} is in two turns.`);
    this.#answered.add(seq);
    this.final(seq);
  }

  /** SPEC chain-3: after a gap only a snapshot helps. Frames until it comes break the chain too and are ignored. */
  #gap(what: string): void {
    this.recorder.note(what);
    if (this.#cursor === undefined) return;
    this.#cursor = undefined;
    this.#wire.open(this.name, undefined).catch(() => this.recorder.note("reopen_failed"));
  }
}

function seqsOf(inputs: readonly Pick<Input, "producer" | "seq">[]): number[] {
  return inputs.flatMap(({ producer, seq }) => (producer === PRODUCER ? [seq] : []));
}
