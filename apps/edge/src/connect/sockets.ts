import {
  LIMITS,
  type Limits,
  PROTOCOL_VERSION,
  wireError,
  type ClientToServerEvents,
  type ServerToClientEvents,
  type SessionKey,
  type WireError,
} from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import { roomsOf } from "../operate/fleet-orders.ts";
import { SocketWriter, type SocketWriterLimits } from "../read/socket-writer.ts";
import { Connection, type ConnectionDeps, type ConnectionOptions } from "./connection.ts";
import { closeConnection, type EdgeSocket } from "./edge-socket.ts";
import { TokenExpiry, type Claims } from "./tokens.ts";

export interface Attached {
  readonly socket: EdgeSocket;
  readonly connection: Connection;
  readonly writer: SocketWriter;
  /** The `degraded` its client was told last (SPEC open-6). */
  isDegraded: boolean;
}

export interface SocketsOptions {
  readonly node: string;
  /** The limits that differ from the contract's. */
  readonly limits: Partial<Limits>;
  readonly writer: SocketWriterLimits;
  readonly connection: ConnectionOptions;
}

export interface SocketsDeps {
  readonly log: Logger;
  readonly connection: ConnectionDeps;
  /** The `degraded` of a socket that has these sessions open (SPEC open-6). */
  readonly isDegraded: (sessions: readonly SessionKey[]) => boolean;
  readonly onRefused: (request: string, code: string) => void;
  readonly onConnect: () => void;
  readonly onDisconnect: (reason: string) => void;
}

type Ack = (answer: unknown) => void;
type RequestName = keyof ClientToServerEvents;
type Requests = Record<RequestName, (request: unknown, answer: Ack) => void | Promise<void>>;

const REQUESTS = { open: true, send: true, command: true, history: true, close: true, renew: true } satisfies Record<
  RequestName,
  true
>;

/** The accepted sockets of this node, each with its connection: which message goes where, and what each is told. */
export class Sockets {
  readonly #deps: SocketsDeps;
  readonly #options: SocketsOptions;
  readonly #attached = new Map<string, Attached>();

  constructor(deps: SocketsDeps, options: SocketsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  all(): Attached[] {
    return [...this.#attached.values()];
  }

  /** UTF-16 code units that wait in this process for clients to read them. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const { writer } of this.#attached.values()) bytes += writer.waiting;
    return bytes;
  }

  /** The most that waits for one of them. */
  get mostWaitingBytes(): number {
    let bytes = 0;
    for (const { writer } of this.#attached.values()) bytes = Math.max(bytes, writer.waiting);
    return bytes;
  }

  /** Sends `status` to every client whose `degraded` has changed (SPEC open-6). */
  emitStatus(): void {
    for (const attached of this.#attached.values()) this.#emitStatus(attached);
  }

  attach(socket: EdgeSocket): void {
    const [deps, options] = [this.#deps, this.#options];
    const { claims } = socket.data;
    const writer = new SocketWriter(socket.conn, options.writer);
    const connection = new Connection(deps.connection, options.connection, writer, claims);
    const expiry = new TokenExpiry(
      (inMs) => socket.emit("expiring", { inMs }),
      () => closeConnection(socket, wireError("token_expired")),
    );
    const attached: Attached = { socket, connection, writer, isDegraded: false };
    this.#attached.set(socket.id, attached);
    deps.onConnect();

    // Without a listener Socket.IO prints what a client did wrong.
    socket.on("error", (error) => deps.log.debug({ err: error }, "a client broke the protocol"));
    socket.on("disconnect", (reason) => {
      this.#attached.delete(socket.id);
      expiry.end();
      connection.end();
      deps.onDisconnect(reason);
      // A client that only left the namespace would hold a transport it can do nothing with.
      socket.conn.close();
    });
    this.#route(attached, expiry);

    // In memory only, and awaited by nobody: the adapter's subscriptions do not depend on rooms.
    void socket.join(roomsOf(claims));
    expiry.set(claims.expiresAt);
    socket.emit("welcome", this.#welcome(claims));
    this.#emitStatus(attached);
  }

  #emitStatus(attached: Attached): void {
    const degraded = this.#deps.isDegraded(attached.connection.sessions);
    if (degraded === attached.isDegraded) return;
    attached.isDegraded = degraded;
    attached.socket.emit("status", { degraded });
  }

  #route(attached: Attached, expiry: TokenExpiry): void {
    const requests = this.#requests(attached, expiry);
    // Not by Socket.IO's own listeners: they take arguments by position, and a client may send any number of them.
    attached.socket.onAny((name: string | number, ...args: unknown[]) => {
      const ack = args.at(-1);
      if (!isAck(ack)) return;
      // What does not come with one object alone is malformed.
      const request = args.length === 2 ? args[0] : undefined;
      const counted = (answer: unknown): void => {
        if (isRefusal(answer)) this.#deps.onRefused(isRequest(name) ? name : "unknown", answer.error.code);
        ack(answer);
      };
      this.#serve(counted, (answer) => {
        // A name may be a number to Socket.IO.
        return isRequest(name) ? requests[name](request, answer) : attached.connection.unknown(name, answer);
      });
    });
  }

  #requests(attached: Attached, expiry: TokenExpiry): Requests {
    const { socket, connection } = attached;
    return {
      open: async (request, answer) => {
        const opening = connection.open(request, answer);
        this.#emitStatus(attached);
        await opening;
      },
      send: (request, answer) => connection.send(request, answer),
      command: (request, answer) => connection.command(request, answer),
      history: (request, answer) => connection.history(request, answer),
      close: (request, answer) => {
        connection.closeSession(request, answer);
        this.#emitStatus(attached);
      },
      renew: async (request, answer) => {
        const outcome = await connection.renew(request, answer);
        if (outcome === "renewed") expiry.set(connection.claims.expiresAt);
        // No message withdraws a single session. On the client's next connection, the answer to `open` tells it.
        if (outcome === "narrowed")
          closeConnection(socket, wireError("draining", "Open sessions are closed to this token."));
      },
    };
  }

  /** A defect here ends one request, not the process. */
  #serve(ack: Ack, run: (answer: Ack) => void | Promise<void>): void {
    const fail = (error: unknown): void => {
      this.#deps.log.error({ err: error }, "a request failed");
      ack({ ok: false, error: wireError("internal") });
    };
    try {
      run(ack)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #welcome({ subject, expiresAt }: Claims): Parameters<ServerToClientEvents["welcome"]>[0] {
    return {
      protocol: PROTOCOL_VERSION,
      subject,
      node: this.#options.node,
      limits: { ...LIMITS, ...this.#options.limits },
      tokenExpiresInMs: expiresAt === undefined ? null : Math.max(0, expiresAt - Date.now()),
    };
  }
}

function isRequest(name: string | number): name is RequestName {
  return Object.hasOwn(REQUESTS, name);
}

function isRefusal(answer: unknown): answer is { error: WireError } {
  return typeof answer === "object" && answer !== null && "error" in answer;
}

/** SPEC req-1: a request comes with an acknowledgement, which Socket.IO puts behind its arguments. */
function isAck(value: unknown): value is Ack {
  return typeof value === "function";
}
