import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Decoder, Encoder, PacketType } from "socket.io-parser";
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { TokenBucket, type Rate } from "../pacing.ts";

/** What a message costs besides its bytes: its way through WebSocket, Engine.IO and Socket.IO. */
const MESSAGE_COST = 256;
/** What each member and element costs besides its bytes: a mebibyte of brackets takes a hundred times as long to parse as one of text. */
const NODE_COST = 32;

const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * SPEC limit-3: what comes over one connection is charged to it before any of it is parsed, by its size and by how many
 * pieces it falls into; one that owes is not read until it has paid. TCP then holds its sender back, so that a flood costs
 * the sender time and this process next to nothing. Nothing is refused, so nothing that was sent is out of order.
 */
export function meteredServer(rate: Rate, onSlowed: () => void): new (options: ServerOptions) => WebSocketServer {
  return class extends WebSocketServer {
    override handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      callback: (client: WebSocket, request: IncomingMessage) => void,
    ): void {
      super.handleUpgrade(request, socket, head, (client: WebSocket) => {
        meter(client, rate, onSlowed);
        callback(client, request);
      });
    }
  };
}

function meter(client: WebSocket, rate: Rate, onSlowed: () => void): void {
  const bucket = new TokenBucket(rate.burst, rate.perSecond, performance.now());
  let timer: NodeJS.Timeout | undefined;
  const charge = (cost: number): void => {
    // Whatever it costs, a client is not kept away for so long that it counts as dead.
    bucket.spend(performance.now(), Math.min(cost, 2 * rate.burst));
    const owes = bucket.delay(performance.now(), 0);
    if (owes === 0 || timer !== undefined) return;
    onSlowed();
    client.pause();
    timer = setTimeout(resume, owes);
  };
  const resume = (): void => {
    // What was under way when it was paused has been charged meanwhile.
    const owes = bucket.delay(performance.now(), 0);
    timer = owes === 0 ? undefined : setTimeout(resume, owes);
    if (owes === 0) client.resume();
  };
  client.on("message", (data: RawData) => charge(costOf(data)));
  for (const event of ["ping", "pong"] as const) client.on(event, () => charge(MESSAGE_COST));
  client.once("close", () => clearTimeout(timer));
}

function costOf(data: RawData): number {
  if (Array.isArray(data)) return data.reduce((sum, part) => sum + costOf(part), 0);
  let nodes = 0;
  for (const byte of data instanceof ArrayBuffer ? new Uint8Array(data) : data) {
    if (byte === COMMA || byte === COLON || byte === BRACKET || byte === BRACE) nodes++;
  }
  return MESSAGE_COST + data.byteLength + NODE_COST * nodes;
}

/** How long a request was as text, by the object that was made of it. */
const lengths = new WeakMap<object, number>();

/** Of the packet a request came in, in UTF-16 code units; undefined where it came with binary data. */
export function packetLengthOf(request: unknown): number | undefined {
  return typeof request === "object" && request !== null ? lengths.get(request) : undefined;
}

/**
 * Socket.IO runs its middlewares for every CONNECT packet that comes before the first is answered: a hundred on one
 * connection are a hundred tokens to verify. Socket.IO makes one decoder per connection, and ends the connection when it
 * throws.
 */
class EdgeDecoder extends Decoder {
  #hasConnected = false;
  #length = 0;

  constructor() {
    super();
    this.on("decoded", (packet) => {
      if (packet.type === PacketType.EVENT) this.#note(packet.data);
      if (packet.type !== PacketType.CONNECT) return;
      if (this.#hasConnected) throw new Error("A connection sends one CONNECT packet.");
      this.#hasConnected = true;
    });
  }

  override add(packet: unknown): void {
    this.#length = typeof packet === "string" ? packet.length : 0;
    super.add(packet);
  }

  #note(args: unknown): void {
    if (!Array.isArray(args)) return;
    for (const arg of args) if (typeof arg === "object" && arg !== null) lengths.set(arg, this.#length);
  }
}

/** The `parser` option of a Socket.IO server. */
export const packetParser = { Encoder, Decoder: EdgeDecoder };
