import type { ClientToServerEvents, ServerToClientEvents } from "@holdfast/contract";
import type { Server, Socket } from "socket.io";
import type { Claims } from "./tokens.ts";

/** What edges say to each other through the adapter (see `cluster.ts`). Unknown: it comes from outside this process. */
export interface InterServerEvents {
  order: (order: unknown) => void;
}

/** What the handshake leaves at a socket. */
export interface SocketData {
  claims: Claims;
}

export type EdgeServer = Server<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>;
export type EdgeSocket = Socket<ClientToServerEvents, ServerToClientEvents, InterServerEvents, SocketData>;
