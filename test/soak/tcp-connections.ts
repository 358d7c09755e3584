import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";

const CHANNEL = "net.client.socket";

/** The TCP connections one client has open. */
export class TcpConnections {
  readonly #sockets = new Set<Socket>();

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
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
}

/**
 * Tells which client a TCP connection is of: by the asynchronous context it was made in. The client's library needs no hook
 * for it, and nothing stands between client and edge.
 */
export class TcpRegistry {
  readonly #context = new AsyncLocalStorage<TcpConnections>();
  #open = 0;
  readonly #onSocket = (message: unknown): void => {
    const connections = this.#context.getStore();
    if (connections === undefined || typeof message !== "object" || message === null || !("socket" in message)) return;
    if (!(message.socket instanceof Socket)) return;
    connections.add(message.socket);
    this.#open++;
    message.socket.once("close", () => this.#open--);
  };

  constructor() {
    subscribe(CHANNEL, this.#onSocket);
  }

  /** Connections of all clients that are open now. */
  get open(): number {
    return this.#open;
  }

  /** Whatever connects in `run`, or because of it, is among `connections`. */
  within<T>(connections: TcpConnections, run: () => T): T {
    return this.#context.run(connections, run);
  }

  close(): void {
    unsubscribe(CHANNEL, this.#onSocket);
  }
}
