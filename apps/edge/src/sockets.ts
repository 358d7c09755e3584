import {
  LIMITS,
  PROTOCOL_VERSION,
  wireError,
  type ClientToServerEvents,
  type ServerToClientEvents,
  type SessionKey,
  type WireError,
} from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import { roomsOf } from "./cluster.ts";
import { Connection, type ConnectionSurroundings } from "./connection.ts";
import { Outlet, type OutletLimits } from "./outlet.ts";
import { closeConnection } from "./socket-end.ts";
import { TokenClock } from "./token-clock.ts";
import type { EdgeSocket } from "./wire.ts";

export interface Attached {
  readonly socket: EdgeSocket;
  readonly connection: Connection;
  readonly outlet: Outlet;
  /** What its client was told last (SPEC open-6). */
  isDegraded: boolean;
}

export interface SocketsSurroundings {
  readonly node: string;
  readonly log: Logger;
  readonly outlet: OutletLimits;
  readonly connection: ConnectionSurroundings;
  /** Whether a socket that has these sessions open is to be told so (SPEC open-6). */
  readonly isDegraded: (sessions: readonly SessionKey[]) => boolean;
  readonly onConnect: () => void;
  readonly onDisconnect: (reason: string) => void;
}

type Refused = { ok: false; error: WireError };

const REQUESTS = { open: true, send: true, command: true, close: true, renew: true } satisfies Record<
  keyof ClientToServerEvents,
  true
>;

/** The accepted sockets of this node, each with its connection: which message goes where, and what each is told. */
export class Sockets {
  readonly #surroundings: SocketsSurroundings;
  readonly #attached = new Map<string, Attached>();

  constructor(surroundings: SocketsSurroundings) {
    this.#surroundings = surroundings;
  }

  all(): Attached[] {
    return [...this.#attached.values()];
  }

  /** What waits in this process for clients to read it. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const { outlet } of this.#attached.values()) bytes += outlet.waiting;
    return bytes;
  }

  /** The most that waits for one of them. */
  get mostWaitingBytes(): number {
    let bytes = 0;
    for (const { outlet } of this.#attached.values()) bytes = Math.max(bytes, outlet.waiting);
    return bytes;
  }

  /** Tells every client for which it has changed (SPEC open-6). */
  emitStatus(): void {
    for (const attached of this.#attached.values()) this.#emitStatus(attached);
  }

  attach(socket: EdgeSocket): void {
    const surroundings = this.#surroundings;
    const { claims } = socket.data;
    const outlet = new Outlet(socket.conn, surroundings.outlet);
    const connection = new Connection(surroundings.connection, outlet, claims);
    const clock = new TokenClock(
      (inMs) => socket.emit("expiring", { inMs }),
      () => closeConnection(socket, wireError("token_expired")),
    );
    const attached: Attached = { socket, connection, outlet, isDegraded: false };
    this.#attached.set(socket.id, attached);
    surroundings.onConnect();

    // Without a listener Socket.IO prints what a client did wrong.
    socket.on("error", (error) => surroundings.log.debug({ err: error }, "a client broke the protocol"));
    socket.on("disconnect", (reason) => {
      this.#attached.delete(socket.id);
      clock.end();
      connection.end();
      surroundings.onDisconnect(reason);
      // A client that only left the namespace would hold a transport it can do nothing with.
      socket.conn.close();
    });
    this.#route(attached, clock);

    // In memory only, and awaited by nobody: the adapter's subscriptions do not depend on rooms.
    void socket.join(roomsOf(claims));
    clock.set(claims.expiresAt);
    socket.emit("welcome", this.#welcome(claims.expiresAt));
    this.#emitStatus(attached);
  }

  #emitStatus(attached: Attached): void {
    const degraded = this.#surroundings.isDegraded(attached.connection.sessions);
    if (degraded === attached.isDegraded) return;
    attached.isDegraded = degraded;
    attached.socket.emit("status", { degraded });
  }

  #route(attached: Attached, clock: TokenClock): void {
    const { socket, connection } = attached;
    // A name may be a number to Socket.IO.
    socket.onAny((name: string | number, ...rest) => {
      if (!Object.hasOwn(REQUESTS, name)) this.#serve<never>(rest.at(-1), (answer) => connection.unknown(name, answer));
    });
    socket.on("open", (request, ack) => {
      this.#serve(ack, async (answer) => {
        const opening = connection.open(request, answer);
        this.#emitStatus(attached);
        await opening;
      });
    });
    socket.on("send", (request, ack) => this.#serve(ack, (answer) => connection.send(request, answer)));
    socket.on("command", (request, ack) => this.#serve(ack, (answer) => connection.command(request, answer)));
    socket.on("close", (request, ack) => {
      this.#serve(ack, (answer) => {
        connection.closeSession(request, answer);
        this.#emitStatus(attached);
      });
    });
    socket.on("renew", (request, ack) => {
      this.#serve(ack, async (answer) => {
        const outcome = await connection.renew(request, answer);
        if (outcome === "renewed") clock.set(connection.claims.expiresAt);
        // Of one session nothing can be said on a connection that goes on; on the next, `open` says it.
        if (outcome === "narrowed")
          closeConnection(socket, wireError("draining", "Open sessions are closed to this token."));
      });
    });
  }

  /** SPEC req-1: nothing without an acknowledgement; and a defect here ends one request, not the process. */
  #serve<T>(ack: (answer: T | Refused) => void, run: (answer: (answer: T | Refused) => void) => void | Promise<void>) {
    if (typeof ack !== "function") return;
    const fail = (error: unknown): void => {
      this.#surroundings.log.error({ err: error }, "a request failed");
      ack({ ok: false, error: wireError("internal") });
    };
    try {
      run(ack)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #welcome(expiresAt: number | undefined): Parameters<ServerToClientEvents["welcome"]>[0] {
    return {
      protocol: PROTOCOL_VERSION,
      node: this.#surroundings.node,
      limits: { ...LIMITS },
      tokenExpiresInMs: expiresAt === undefined ? null : Math.max(0, expiresAt - Date.now()),
    };
  }
}
