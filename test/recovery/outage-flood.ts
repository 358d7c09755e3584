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

export interface FloodFigures {
  size: "small" | "large";
  session: Volume;
  connection: Volume;
  node: Volume;
  connections: number;
  /** Sends refused as `busy`, and their bytes. */
  refused: number;
  refusedBytes: number;
}

export interface FloodOptions {
  edge: string;
  size: FloodFigures["size"];
  name: string;
  token: (subject: string) => Promise<string>;
}

interface Stream {
  socket: Socket;
  subject: string;
  session: string;
  nextSeq: number;
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

/** Raw clients that push as much as one edge takes while Temporal is away. */
export class Flood {
  readonly figures: FloodFigures;
  readonly #options: FloodOptions;
  readonly #sockets: Socket[] = [];
  readonly #streams: Stream[] = [];

  constructor(options: FloodOptions) {
    this.#options = options;
    this.figures = {
      size: options.size,
      session: { events: 0, bytes: 0 },
      connection: { events: 0, bytes: 0 },
      node: { events: 0, bytes: 0 },
      connections: 0,
      refused: 0,
      refusedBytes: 0,
    };
  }

  /** Pushes until the edge takes no more: of a session, of a connection, and with `node` of anybody. */
  async rise(reach: FloodReach, rules: Rules): Promise<void> {
    const [stream, ...others] = await this.#connect();
    if (stream === undefined) throw new Error("A connection has sessions.");
    await this.#fill(stream, rules);
    this.figures.session = stream.taken;
    this.#isBounded(rules, "session", stream.taken, COALESCER_OPTIONS.session);
    for (const other of others) await this.#fill(other, rules);
    this.figures.connection = taken([stream, ...others]);
    this.#isBounded(rules, "connection", this.figures.connection, CONNECTION_BUDGET);
    if (reach === "node") await this.#fillNode(rules);
    this.figures.node = await this.#waiting();
    rules.holds(
      `limit-1: the node holds no more than its bound (${JSON.stringify(this.figures.node)})`,
      isWithin(this.figures.node, COALESCER_OPTIONS.node),
    );
  }

  /** Goes on pushing what is refused for `ms`: the edge must not keep any of it. */
  async press(ms: number, rules: Rules): Promise<void> {
    const until = performance.now() + ms;
    const bySocket = new Map(this.#streams.map((stream) => [stream.socket, stream]));
    await Promise.all(
      [...bySocket.values()].slice(0, PRESSING).map(async (stream) => {
        while (performance.now() < until) await this.#push(stream, rules);
      }),
    );
  }

  /** Temporal is back: everything that was taken becomes durable, once. */
  async ebb(temporal: TemporalClient, rules: Rules): Promise<void> {
    const rule = "ack-1: all that was taken becomes durable";
    await rules.soon(rule, () => this.#streams.every(({ unanswered }) => unanswered === 0), EBB_MS);
    for (const { subject, session, taken } of this.#streams.filter((stream) => stream.taken.events > 0)) {
      const { snapshot } = await stateOf(temporal, { tenant: "acme", owner: subject, name: session });
      const applied = appliedObserves(snapshot);
      rules.holds(`ack-1: ${subject}/${session} applied ${applied} of ${taken.events}`, applied === taken.events);
    }
  }

  leave(): void {
    for (const socket of this.#sockets) socket.close();
  }

  async #connect(): Promise<Stream[]> {
    const { edge, name, token } = this.#options;
    const subject = `${name}-${this.figures.connections++}`;
    const { socket } = await rawConnect(edge, await token(subject));
    this.#sockets.push(socket);
    const streams = Array.from({ length: SESSIONS_PER_CONNECTION }, (_, index): Stream => {
      return { socket, subject, session: `s${index}`, nextSeq: 1, taken: { events: 0, bytes: 0 }, unanswered: 0 };
    });
    await Promise.all(streams.map(({ session }) => ask(socket, "open", { session, agent: "concierge" })));
    this.#streams.push(...streams);
    return streams;
  }

  /** As many connections as the node has room for, and some more: the last must find none. */
  async #fillNode(rules: Rules): Promise<void> {
    const { node } = COALESCER_OPTIONS;
    const room = Math.min(node.events / this.figures.connection.events, node.bytes / this.figures.connection.bytes);
    const connections = await Promise.all(Array.from({ length: Math.ceil(room) + 2 }, () => this.#connect()));
    for (const stream of connections.flat()) await this.#fill(stream, rules);
    const last = taken(connections.at(-1) ?? []);
    rules.holds(`limit-1: a full node takes nothing of anybody (${JSON.stringify(last)})`, last.events === 0);
  }

  async #fill(stream: Stream, rules: Rules): Promise<void> {
    while (await this.#push(stream, rules));
  }

  /** One `send`. Resolves to whether the edge took it: what it refuses it refuses at once. */
  async #push(stream: Stream, rules: Rules): Promise<boolean> {
    const { socket, session, nextSeq } = stream;
    const { events, bytes } = this.#batch(nextSeq);
    let refusal: Ack | undefined;
    stream.unanswered++;
    socket.emit("send", { session, producer: "flood", events }, (ack: Ack) => {
      stream.unanswered--;
      if (!ack.ok) refusal = ack;
    });
    // Answered by the edge alone, and after the send if that is refused.
    await ask(socket, "close", { session: "nobody's" });
    if (refusal === undefined) {
      stream.nextSeq += events.length;
      stream.taken.events += events.length;
      stream.taken.bytes += bytes;
      return true;
    }
    this.figures.refused++;
    this.figures.refusedBytes += bytes;
    rules.holds(`limit-1: what does not fit is refused for now (${JSON.stringify(refusal)})`, isForNow(refusal));
    return false;
  }

  #batch(nextSeq: number): { events: Event[]; bytes: number } {
    const size = SIZES[this.#options.size];
    const data = size.padding === 0 ? {} : { data: "x".repeat(size.padding) };
    const events = Array.from({ length: size.events }, (_, index): Event => {
      return { seq: nextSeq + index, kind: "observe", name: "flood", ...data };
    });
    return {
      events,
      bytes: sum(events, (event) => Buffer.byteLength(JSON.stringify(event))),
    };
  }

  #isBounded(rules: Rules, what: string, taken: Volume, bound: Volume): void {
    const { events, bytes } = this.#batch(1);
    const isUsed = taken.events + events.length > bound.events || taken.bytes + bytes > bound.bytes;
    const rule = `limit-1: a ${what} may have so much waiting and no more (${JSON.stringify(taken)})`;
    rules.holds(rule, isWithin(taken, bound) && isUsed);
  }

  async #waiting(): Promise<Volume> {
    const page = await scrape(this.#options.edge);
    return {
      events: sumOf(page, "holdfast_edge_waiting_events"),
      bytes: sumOf(page, "holdfast_edge_waiting_bytes"),
    };
  }
}

function taken(streams: readonly Stream[]): Volume {
  return { events: sum(streams, (stream) => stream.taken.events), bytes: sum(streams, (stream) => stream.taken.bytes) };
}

function isWithin(volume: Volume, bound: Volume): boolean {
  return volume.events <= bound.events && volume.bytes <= bound.bytes;
}

/** limit-1 and limit-2: with a delay after which it may fit. */
function isForNow({ error }: Ack): boolean {
  const isRetryable = error?.code === "busy" || error?.code === "rate_limited";
  return isRetryable && (error.retryAfterMs ?? 0) > 0;
}
