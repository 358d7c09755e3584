import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { TokenBucket, type Rate } from "../pacing.ts";

/** What a message costs besides its bytes: its way through WebSocket, Engine.IO and Socket.IO. */
const MESSAGE_COST = 256;
/** What each member and element costs besides its bytes: a mebibyte of brackets takes a hundred times as long to parse as a mebibyte of text. */
const NODE_COST = 32;

const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * SPEC limit-3: a WebSocket server that charges each connection for what comes over it, by size and by number of pieces, before
 * any of it is parsed. A connection that owes is not read until it has paid. TCP then holds its sender back, so a flood costs the
 * sender time and this process next to nothing. Nothing is refused, so nothing that was sent gets out of order.
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
    // Bounded: a client must not be paused for so long that it counts as dead.
    bucket.spend(performance.now(), Math.min(cost, 2 * rate.burst));
    const owes = bucket.delay(performance.now(), 0);
    if (owes === 0 || timer !== undefined) return;
    onSlowed();
    client.pause();
    timer = setTimeout(resume, owes);
  };
  const resume = (): void => {
    // Messages that were under way at the pause have been charged since.
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
