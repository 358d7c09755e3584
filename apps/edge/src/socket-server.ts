import { LIMITS } from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import type { RedisConnection } from "@holdfast/service/redis";
import { Server as Engine } from "engine.io";
import { Server } from "socket.io";
import { createFleetAdapter } from "./cluster.ts";
import { singleConnectParser } from "./single-connect.ts";
import type { EdgeServer } from "./wire.ts";

export interface SocketServerSettings {
  HOLDFAST_CONNECT_TIMEOUT_MS: number;
  HOLDFAST_PING_INTERVAL_MS: number;
  HOLDFAST_PING_TIMEOUT_MS: number;
}

/** SPEC connect-1. Compression would cost 258 KB a connection against 31 KB without. */
function createEngine(settings: SocketServerSettings): Engine {
  return new Engine({
    transports: ["websocket"],
    allowUpgrades: false,
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: LIMITS.packetBytes,
    pingInterval: settings.HOLDFAST_PING_INTERVAL_MS,
    pingTimeout: settings.HOLDFAST_PING_TIMEOUT_MS,
  });
}

/**
 * Socket.IO on an Engine.IO of its own, which is not attached to an HTTP server: the gate hands it the upgrades it lets
 * through. Connection state recovery stays off, since it skips the handshake and is not lossless; sessions resume by cursor.
 */
export function createSocketServer(
  settings: SocketServerSettings,
  redis: { publisher: RedisConnection; subscriber: RedisConnection },
  log: Logger,
): { engine: Engine; io: EdgeServer } {
  const engine = createEngine(settings);
  const io: EdgeServer = new Server({
    connectTimeout: settings.HOLDFAST_CONNECT_TIMEOUT_MS,
    parser: singleConnectParser,
    serveClient: false,
    adapter: createFleetAdapter(redis.publisher, redis.subscriber, log),
  });
  io.bind(engine);
  return { engine, io };
}
