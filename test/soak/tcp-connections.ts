import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";

/**
 * The TCP connections one client has open. Which client a connection is of is told by the asynchronous context it was made in:
 * the client's library needs no hook for it, and nothing stands between client and edge.
 */
export class TcpConnections {
  /** Connections of all clients that are open now. */
  static open = 0;
  static readonly #context = new AsyncLocalStorage<TcpConnections>();
  readonly #sockets = new Set<Socket>();

  static {
    subscribe("net.client.socket", (message) => {
      const connections = TcpConnections.#context.getStore();
      if (connections === undefined || typeof message !== "object" || message === null || !("socket" in message))
        return;
      if (message.socket instanceof Socket) connections.#add(message.socket);
    });
  }

  /** Whatever connects in `run`, or because of it, is among these. */
  within<T>(run: () => T): T {
    return TcpConnections.#context.run(this, run);
  }

  /** As when a process dies or a cable is pulled: the edge gets a reset, and no word before it. */
  destroy(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** As when a phone drives into a tunnel: nothing is read or written any more, and the edge is told nothing. */
  fallSilent(): void {
    for (const socket of this.#sockets) {
      socket.pause();
      socket.cork();
    }
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    TcpConnections.open++;
    socket.once("close", () => {
      this.#sockets.delete(socket);
      TcpConnections.open--;
    });
  }
}
