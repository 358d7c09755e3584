import type { Event } from "@holdfast/contract";
import type { Socket } from "socket.io-client";
import { COALESCER_OPTIONS, CONNECTION_BUDGET } from "../../apps/edge/src/send/coalescer.ts";
import { appliedObserves } from "../kit/checker.ts";
import { scrape, sumOf } from "../kit/metrics.ts";
import { type Ack, ask, rawConnect } from "../kit/raw-client.ts";
import { sum } from "../kit/statistics.ts";
import { stateOf, type TemporalClient } from "../kit/temporal.ts";
import type { Rules } from "../kit/wait.ts";

/** Whether the flood stops at the bound of one connection, or goes on to that of the node. */
export type FloodReach = "connection" | "node";

/** What an edge took of the flood; each figure is held against its bound. */
export interface Volume {
  events: number;
  bytes: number;
}

interface FloodDeps {
  edge: string;
  size: keyof typeof SIZES;
  name: string;
  token: (subject: string) => Promise<string>;
  temporal: TemporalClient;
  rules: Rules;
}

interface Stream {
  socket: Socket;
  subject: string;
  session: string;
  taken: Volume;
  /** Of the sends the edge took, those it has not answered yet: it does when they are durable. */
  unanswered: number;
}

const SIZES = {
  small: { events: 256, padding: 0 },
  large: { events: 20, padding: 40 * 1024 },
} as const;
const SESSIONS_PER_CONNECTION = 3;
/** Connections that go on pushing once nothing is taken any more. */
const PRESSING = 4;

/** A bound on hangs: a full node has 128 MiB to deliver. */
const EBB_MS = 120_000;

const NOTHING: Volume = { events: 0, bytes: 0 };

/** Raw clients that push as much as one edge takes while Temporal is away. */
export class Flood {
  /** `refused`: sends refused as `busy`. */
  readonly figures;
  readonly #deps: FloodDeps;
  readonly #connections: Stream[][] = [];

  constructor(deps: FloodDeps) {
    this.#deps = deps;
    const taken = { session: NOTHING, connection: NOTHING, node: NOTHING };
    this.figures = { size: deps.size, ...taken, connections: 0, refused: 0, refusedBytes: 0 };
  }

  /** Pushes until the edge takes no more: of a session, of a connection, and with `node` of anybody. */
  async rise(reach: FloodReach): Promise<void> {
    const { edge, rules } = this.#deps;
    const streams = await this.#connect();
    for (const [index, stream] of streams.entries()) {
      await this.#fill(stream);
      if (index === 0) this.figures.session = { ...stream.taken };
    }
    this.figures.connection = takenBy(streams);
    this.#isBounded("session", this.figures.session, COALESCER_OPTIONS.session);
    this.#isBounded("connection", this.figures.connection, CONNECTION_BUDGET);
    if (reach === "node") await this.#fillNode();
    const page = await scrape(edge);
    const waiting = (what: keyof Volume): number => sumOf(page, `holdfast_edge_waiting_${what}`);
    const node = { events: waiting("events"), bytes: waiting("bytes") };
    this.figures.node = node;
    const isWithinBound = isWithin(node, COALESCER_OPTIONS.node);
    rules.holds(`limit-1: the node holds no more than its bound (${JSON.stringify(node)})`, isWithinBound);
  }

  /** Goes on pushing what is refused for `ms`: the edge must not keep any of it. */
  async press(ms: number): Promise<void> {
    const until = performance.now() + ms;
    const pressing = this.#connections.slice(0, PRESSING).map(async (streams) => {
      const stream = streams.at(-1);
      while (stream !== undefined && performance.now() < until) await this.#push(stream);
    });
    await Promise.all(pressing);
  }

  /** Temporal is back: everything that was taken becomes durable, once. */
  async ebb(): Promise<void> {
    const { temporal, rules } = this.#deps;
    const streams = this.#connections.flat();
    const rule = "ack-1: all that was taken becomes durable";
    await rules.soon(rule, () => streams.every(({ unanswered }) => unanswered === 0), EBB_MS);
    for (const { subject, session, taken } of streams.filter((stream) => stream.taken.events > 0)) {
      const { snapshot } = await stateOf(temporal, { tenant: "acme", owner: subject, name: session });
      const applied = appliedObserves(snapshot);
      rules.holds(`ack-1: ${subject}/${session} applied ${applied} of ${taken.events}`, applied === taken.events);
    }
  }

  leave(): void {
    for (const { socket } of this.#connections.flat()) socket.close();
  }

  async #connect(): Promise<Stream[]> {
    const { edge, name, token } = this.#deps;
    const subject = `${name}-${this.figures.connections++}`;
    const { socket } = await rawConnect(edge, await token(subject));
    const streams = Array.from({ length: SESSIONS_PER_CONNECTION }, (_, index): Stream => {
      return { socket, subject, session: `s${index}`, taken: { ...NOTHING }, unanswered: 0 };
    });
    this.#connections.push(streams);
    await Promise.all(streams.map(({ session }) => ask(socket, "open", { session, agent: "concierge" })));
    return streams;
  }

  /** As many connections as the node has room for, and some more: the last must find none. */
  async #fillNode(): Promise<void> {
    const { node } = COALESCER_OPTIONS;
    const { connection } = this.figures;
    const room = Math.min(node.events / connection.events, node.bytes / connection.bytes);
    const connections = await Promise.all(Array.from({ length: Math.ceil(room) + 2 }, () => this.#connect()));
    for (const stream of connections.flat()) await this.#fill(stream);
    const last = takenBy(connections.at(-1) ?? []);
    this.#deps.rules.holds(
      `limit-1: a full node takes nothing of anybody (${JSON.stringify(last)})`,
      last.events === 0,
    );
  }

  async #fill(stream: Stream): Promise<void> {
    while (await this.#push(stream));
  }

  /** One `send`. Resolves to whether the edge took it: what it refuses it refuses at once. */
  async #push(stream: Stream): Promise<boolean> {
    const { socket, session, taken } = stream;
    const { events, bytes } = this.#batch(taken.events + 1);
    let refusal: Ack | undefined;
    stream.unanswered++;
    socket.emit("send", { session, producer: "flood", events }, (ack: Ack) => {
      stream.unanswered--;
      if (!ack.ok) refusal = ack;
    });
    // Answered by the edge alone, and after the send if that is refused.
    await ask(socket, "close", { session: "nobody's" });
    if (refusal === undefined) {
      taken.events += events.length;
      taken.bytes += bytes;
      return true;
    }
    this.figures.refused++;
    this.figures.refusedBytes += bytes;
    const rule = `limit-1: what does not fit is refused for now (${JSON.stringify(refusal)})`;
    this.#deps.rules.holds(rule, isForNow(refusal));
    return false;
  }

  #batch(nextSeq: number): { events: Event[]; bytes: number } {
    const { events: length, padding } = SIZES[this.#deps.size];
    const data = padding === 0 ? {} : { data: "x".repeat(padding) };
    const events = Array.from({ length }, (_, index): Event => {
      return { seq: nextSeq + index, kind: "observe", name: "flood", ...data };
    });
    return { events, bytes: sum(events, (event) => Buffer.byteLength(JSON.stringify(event))) };
  }

  #isBounded(what: string, taken: Volume, bound: Volume): void {
    const { events, bytes } = this.#batch(1);
    const isUsed = taken.events + events.length > bound.events || taken.bytes + bytes > bound.bytes;
    const rule = `limit-1: a ${what} may have so much waiting and no more (${JSON.stringify(taken)})`;
    this.#deps.rules.holds(rule, isWithin(taken, bound) && isUsed);
  }
}

function takenBy(streams: readonly Stream[]): Volume {
  return { events: sum(streams, ({ taken }) => taken.events), bytes: sum(streams, ({ taken }) => taken.bytes) };
}

function isWithin(volume: Volume, bound: Volume): boolean {
  return volume.events <= bound.events && volume.bytes <= bound.bytes;
}

/** limit-1 and limit-2: with a delay after which it may fit. */
function isForNow({ error }: Ack): boolean {
  const isRetryable = error?.code === "busy" || error?.code === "rate_limited";
  return isRetryable && (error.retryAfterMs ?? 0) > 0;
}
