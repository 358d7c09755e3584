import { LIMITS } from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import type { RedisConnection } from "@holdfast/service/redis";
import { Server as Engine, type Socket as EngineSocket } from "engine.io";
import { Server } from "socket.io";
import { createFleetAdapter } from "../operate/fleet-orders.ts";
import { type EdgeServer, sever } from "./edge-socket.ts";
import { meteredServer } from "./metered-server.ts";
import { packetParser } from "./packet-parser.ts";

export interface SocketServerOptions {
  HOLDFAST_CONNECT_TIMEOUT_MS: number;
  HOLDFAST_PING_INTERVAL_MS: number;
  HOLDFAST_PING_TIMEOUT_MS: number;
  HOLDFAST_INBOUND_BYTES_PER_SECOND: number;
}

/** SPEC connect-1. Compression would cost 258 KB a connection against 31 KB without. */
function createEngine(options: SocketServerOptions, onSlowed: () => void): Engine {
  const perSecond = options.HOLDFAST_INBOUND_BYTES_PER_SECOND;
  return new Engine({
    transports: ["websocket"],
    allowUpgrades: false,
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: LIMITS.packetBytes,
    pingInterval: options.HOLDFAST_PING_INTERVAL_MS,
    pingTimeout: options.HOLDFAST_PING_TIMEOUT_MS,
    wsEngine: meteredServer({ burst: 4 * perSecond, perSecond }, onSlowed),
  });
}

/**
 * Socket.IO on an Engine.IO of its own, which is not attached to an HTTP server: the upgrade limiter hands it the upgrades it lets
 * through. Connection state recovery stays off, since it skips the handshake and is not lossless; sessions resume by cursor.
 */
export function createSocketServer(
  options: SocketServerOptions,
  redis: { publisher: RedisConnection; subscriber: RedisConnection },
  log: Logger,
  onSlowed: () => void,
): { engine: Engine; io: EdgeServer } {
  const engine = createEngine(options, onSlowed);
  const io: EdgeServer = new Server({
    connectTimeout: options.HOLDFAST_CONNECT_TIMEOUT_MS,
    parser: packetParser,
    serveClient: false,
    adapter: createFleetAdapter(redis.publisher, redis.subscriber, log),
  });
  io.bind(engine);
  endSilent(engine, io, options.HOLDFAST_CONNECT_TIMEOUT_MS);
  return { engine, io };
}

/** How long a close may take beyond the connect timeout. */
const PATIENCE_MS = 5_000;

/**
 * Resets connections that were never accepted. Socket.IO closes them when they are refused or their time is up, and counts them as
 * closed at once. But a client that does not answer the close would keep its TCP connection for half a minute more.
 */
function endSilent(engine: Engine, io: EdgeServer, connectTimeoutMs: number): void {
  const accepted = new WeakSet<EngineSocket>();
  io.on("connection", ({ conn }) => void accepted.add(conn));
  engine.on("connection", (conn: EngineSocket) => {
    const timer = setTimeout(() => {
      if (!accepted.has(conn)) sever(conn);
    }, connectTimeoutMs + PATIENCE_MS);
    conn.request.socket.once("close", () => clearTimeout(timer));
  });
}
