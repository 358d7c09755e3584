import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { wireError, type WireError } from "@holdfast/contract";
import { spread, TokenBucket } from "../pacing.ts";

export const SOCKET_PATH = "/socket.io/";

export interface UpgradeLimiterOptions {
  HOLDFAST_UPGRADES_PER_SECOND: number;
}

export interface UpgradeLimiterDeps {
  readonly connections: () => number;
  readonly maxConnections: number;
  readonly isDraining: () => boolean;
  readonly accept: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly onRefused: (status: number) => void;
}

/** The HTTP server's `upgrade` listener. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

interface Refusal {
  status: 404 | 429 | 503;
  error: WireError;
}

/** Upgrades taken in one round of the event loop: some tens of milliseconds of work. */
const PER_ROUND = 8;

/**
 * Refuses upgrades before anything is spent on them. Engine.IO would answer 400 to all it refuses, but a balancer must see 503 to
 * choose another node, and 429 to slow down. Upgrades that are let through queue: when all clients of another node come at once,
 * this node's own clients must get their frames in between.
 */
export function createUpgradeLimiter(options: UpgradeLimiterOptions, deps: UpgradeLimiterDeps): UpgradeListener {
  const rate = options.HOLDFAST_UPGRADES_PER_SECOND;
  const bucket = new TokenBucket(2 * rate, rate, performance.now());
  const waiting: Parameters<UpgradeListener>[] = [];

  const refusalOf = (request: IncomingMessage): Refusal | undefined => {
    if (request.url?.startsWith(SOCKET_PATH) !== true) {
      return { status: 404, error: wireError("invalid", `WebSockets are at ${SOCKET_PATH}.`) };
    }
    if (deps.isDraining()) return { status: 503, error: wireError("draining") };
    if (deps.connections() + waiting.length >= deps.maxConnections) {
      return { status: 503, error: wireError("busy", "This node is full.", { retryAfterMs: spread(1_000) }) };
    }
    const wait = bucket.take(performance.now());
    if (wait > 0) return { status: 429, error: wireError("rate_limited", undefined, { retryAfterMs: spread(wait) }) };
    return undefined;
  };

  const acceptSome = (): void => {
    for (const [request, socket, head] of waiting.splice(0, PER_ROUND)) {
      socket.off("error", ignore);
      if (!socket.destroyed) deps.accept(request, socket, head);
    }
    if (waiting.length > 0) setImmediate(acceptSome);
  };

  return (request, socket, head) => {
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      deps.onRefused(refusal.status);
      answer(socket, refusal);
      return;
    }
    // The client may go away while it waits, and an error without a listener would end the process.
    socket.on("error", ignore);
    if (waiting.push([request, socket, head]) === 1) setImmediate(acceptSome);
  };
}

function ignore(): void {}

function answer(socket: Duplex, { status, error }: Refusal): void {
  const body = JSON.stringify({ error });
  socket.on("error", () => socket.destroy());
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      "Connection: close",
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(status === 404 ? [] : [`Retry-After: ${Math.ceil((error.retryAfterMs ?? 1_000) / 1_000)}`]),
      "",
      body,
    ].join("\r\n"),
    // Half-closed sockets of clients that never answer would pile up.
    () => socket.destroy(),
  );
}
