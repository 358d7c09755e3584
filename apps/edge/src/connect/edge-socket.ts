import type { ClientToServerEvents, ServerToClientEvents, WireError } from "@holdfast/contract";
import type { Socket as EngineSocket } from "engine.io";
import type { Server, Socket } from "socket.io";
import type { Claims } from "./tokens.ts";

/** What edges say to each other through the adapter (see `FleetOrders`). `unknown`, because it comes from outside this process. */
export interface InterServerEvents {
  order: (order: unknown) => void;
}

/** What the handshake leaves at a socket. */
export interface SocketData {
  claims: Claims;
}

export type EdgeServer = Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>;
export type EdgeSocket = Socket<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>;

/** How long a client has to take its last message. */
const PATIENCE_MS = 5_000;

/**
 * SPEC close-1 and close-2: says why, then closes the transport. Not Socket.IO's `disconnect`, which would tell the client
 * never to come back.
 */
export function closeConnection(socket: EdgeSocket, error: WireError): void {
  const { conn } = socket;
  socket.emit("closing", { error });
  conn.close();
  setTimeout(() => {
    sever(conn);
  }, PATIENCE_MS).unref();
}

/**
 * Resets a connection whose client does not read. A close would wait half a minute for the client's answer, and the kernel would wait
 * longer for it to take its data. Everything that waits for the client is dropped: the log has it.
 */
export function sever(conn: EngineSocket): void {
  conn.close(true);
  conn.request.socket.resetAndDestroy();
}
