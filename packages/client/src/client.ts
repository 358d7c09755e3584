import type { Announcement, JsonObject } from "@holdfast/contract";
import { Connection, type ConnectionState } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { clientError, type HoldfastError } from "./errors.ts";
import { resolveOptions, type ConnectOptions, type ResolvedOptions } from "./options.ts";
import { ClientSession, type Session, type SessionDeps, type SessionOptions } from "./session.ts";
import type { Wire } from "./wire.ts";

export interface ClientEvents {
  connection: [state: ConnectionState];
  /** Operators speak to everybody of a tenant. */
  announcement: [announcement: Announcement];
  /** Something is wrong that the client goes on without; for logs. */
  problem: [error: HoldfastError];
}

/** Agents by name, each with the type of its published state. */
export type AgentStates = { [agent: string]: object };

/** One connection to one of the edges, shared by any number of sessions (SPEC limit `sessionsPerConnection`: 64). */
export interface HoldfastClient<Agents extends AgentStates = Record<string, JsonObject>> {
  /**
   * The session of that name: one object per name until it is closed, its first caller's options count. `"name"` is the
   * token's own, `"owner/name"` another subject's (SPEC ids-2). Opens at once, unless `lazy`.
   */
  session<Agent extends keyof Agents & string>(
    name: string,
    options: SessionOptions<Agent> & { agent: Agent },
  ): Session<Agents[Agent]>;
  session<State extends object = JsonObject>(name: string, options?: SessionOptions): Session<State>;
  readonly connection: ConnectionState;
  /** Connects now instead of with the first session; leaves `refused`. */
  start(): void;
  /** Resolves when connected; starts if need be. Rejects when refused, or closed. */
  connected(): Promise<void>;
  on<Name extends keyof ClientEvents>(name: Name, listener: (...args: ClientEvents[Name]) => void): () => void;
  /** Closes all sessions, then the connection. */
  close(): Promise<void>;
}

/**
 * Makes a client. Nothing is connected before the first session is used, so a server that renders may call it.
 * `Agents`: a type that names the agents and their states, so that `session` knows the state by the agent.
 */
export function connect<Agents extends AgentStates = Record<string, JsonObject>>(
  options: ConnectOptions,
): HoldfastClient<Agents> {
  return new Client(resolveOptions(options));
}

class Client implements HoldfastClient {
  readonly #options: ResolvedOptions;
  readonly #events = new Emitter<ClientEvents>();
  /** The sessions in use. */
  readonly #sessions = new Map<string, ClientSession>();
  /** The others, while the page still holds them: a page that goes from chat to chat would otherwise keep all of them. */
  readonly #unused = new Map<string, WeakRef<ClientSession>>();
  readonly #collected = new FinalizationRegistry<string>((name) => {
    if (this.#unused.get(name)?.deref() === undefined) this.#unused.delete(name);
  });
  readonly #connection: Connection;
  #degraded = false;
  #stopWaking: (() => void) | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#connection = new Connection(options, {
      state: (state) => this.#entered(state),
      connected: (wire) => this.#connected(wire),
      disconnected: () => this.#disconnected(),
      frames: (session, frames) => this.#sessions.get(session)?.frames(frames),
      degraded: (degraded) => this.#setDegraded(degraded),
      announcement: (announcement) => this.#events.emit("announcement", announcement),
      problem: (error) => this.#events.emit("problem", error),
    });
  }

  get connection(): ConnectionState {
    return this.#connection.state;
  }

  session<State extends object>(name: string, options: SessionOptions = {}): Session<State> {
    const session = this.#sessions.get(name) ?? this.#unused.get(name)?.deref() ?? this.#create(name, options);
    if (!options.lazy) session.pin();
    trustAgent<State>(session);
    return session;
  }

  start(): void {
    this.#stopWaking ??= onWakeUp(() => this.#connection.wake());
    this.#connection.start();
  }

  async connected(): Promise<void> {
    this.start();
    await new Promise<void>((resolve, reject) => {
      const settle = (state: ConnectionState): void => {
        if (state.state === "connected") resolve();
        else if (state.state === "refused") reject(state.error);
        else if (state.state === "closed") reject(clientError("closed"));
        else return;
        off();
      };
      const off = this.#events.on("connection", settle);
      settle(this.connection);
    });
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (...args: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  async close(): Promise<void> {
    this.#stopWaking?.();
    await Promise.all(this.#all().map((session) => session.close()));
    this.#connection.close();
  }

  #create(name: string, options: SessionOptions): ClientSession {
    const { bounds, random, storage } = this.#options;
    const deps: SessionDeps = {
      bounds,
      random,
      storage,
      connection: () => this.connection,
      degraded: () => this.#degraded,
      wanted: () => this.#wanted(session),
      unused: () => this.#letGo(session),
      closed: () => {
        this.#sessions.delete(name);
        this.#unused.delete(name);
      },
      problem: (error) => this.#events.emit("problem", error),
    };
    const session = new ClientSession(name, options, deps);
    this.#collected.register(session, name);
    this.#letGo(session);
    return session;
  }

  #letGo(session: ClientSession): void {
    this.#sessions.delete(session.name);
    this.#unused.set(session.name, new WeakRef(session));
  }

  #all(): ClientSession[] {
    const unused = [...this.#unused.values()].flatMap((held) => held.deref() ?? []);
    return [...this.#sessions.values(), ...unused];
  }

  #wanted(session: ClientSession): void {
    this.#unused.delete(session.name);
    this.#sessions.set(session.name, session);
    this.start();
    if (this.#connection.wire !== undefined) session.attach(this.#connection.wire);
  }

  #connected(wire: Wire): void {
    for (const session of this.#sessions.values()) session.attach(wire);
  }

  #disconnected(): void {
    this.#degraded = false;
    for (const session of this.#all()) session.detach();
  }

  #setDegraded(degraded: boolean): void {
    this.#degraded = degraded;
    for (const session of this.#all()) session.changed();
  }

  #entered(state: ConnectionState): void {
    for (const session of this.#all()) {
      session.changed();
      if (state.state === "refused") session.connectionRefused(state.error);
    }
    this.#events.emit("connection", state);
  }
}

/** The state's type is taken on trust: agent and client share it at compile time, the wire only says it is JSON. */
function trustAgent<State extends object>(_session: Session<object>): asserts _session is Session<State> {}

/**
 * Calls `wake` when the network is back or somebody looks at the page again: waiting before the next attempt has become
 * pointless (browsers slow the timers of hidden pages), and a connection may have died unnoticed in a sleep. Does nothing outside
 * a browser. Returns the function that ends it.
 */
function onWakeUp(wake: () => void): () => void {
  if (typeof globalThis.addEventListener !== "function" || typeof document === "undefined") return () => undefined;
  const visible = (): void => {
    if (document.visibilityState === "visible") wake();
  };
  globalThis.addEventListener("online", wake);
  document.addEventListener("visibilitychange", visible);
  return () => {
    globalThis.removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", visible);
  };
}
