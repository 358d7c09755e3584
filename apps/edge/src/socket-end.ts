import type { WireError } from "@holdfast/contract";
import type { EdgeSocket } from "./wire.ts";

/** A client that does not take its last message is not waited for. */
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
    if (conn.readyState !== "closed") conn.close(true);
  }, PATIENCE_MS).unref();
}
