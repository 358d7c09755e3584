import {
  type ClientToServerEvents,
  type Cursor,
  PROTOCOL_VERSION,
  type SendAck,
  type SendRequest,
  type ServerToClientEvents,
} from "@holdfast/contract";
import { io, type Socket } from "socket.io-client";
import type { NamedProcess } from "../measure/window.ts";
import type { LoadSession, LoadTarget, Progress, ProgressOf } from "./trial.ts";
import { type Wire, WireSession } from "./wire-session.ts";

/** A session as the system's own truth holds it, for the comparison at the end. */
export interface WorkflowFacts {
  turns: number;
  /** Undefined where the system does not count them. */
  observes: number | undefined;
}

export interface WireTargetOptions {
  name: LoadTarget["name"];
  /** Connections are spread over them in turn. */
  urls: string[];
  agent: string;
  /** Events in one `send` at most. */
  perSend: number;
  /** At most what `LIMITS.sessionsPerConnection` says. */
  sessionsPerConnection: number;
  processes: NamedProcess[];
  token(subject: string): Promise<string>;
  workflowId?: (subject: string, session: string) => string;
  /** Undefined where there is no truth but what the reader saw. */
  truth?: (subject: string, session: string) => Promise<WorkflowFacts>;
}

/** Anything that speaks the wire contract: Holdfast's edges, or the floor. */
export class WireTarget implements LoadTarget {
  readonly name: LoadTarget["name"];
  readonly processes: NamedProcess[];
  readonly #settings: WireTargetOptions;
  readonly #connections: WireConnection[] = [];
  #opened = 0;

  constructor(settings: WireTargetOptions) {
    this.#settings = settings;
    this.name = settings.name;
    this.processes = settings.processes;
  }

  async open(count: number, progressOf: ProgressOf): Promise<LoadSession[]> {
    const sessions: LoadSession[] = [];
    const most = this.#settings.sessionsPerConnection;
    while (sessions.length < count) {
      sessions.push(
        ...(await this.#openConnection(sessions.length, Math.min(count - sessions.length, most), progressOf)),
      );
    }
    return sessions;
  }

  async #openConnection(first: number, count: number, progressOf: ProgressOf): Promise<LoadSession[]> {
    const { urls, agent, perSend, workflowId, truth } = this.#settings;
    const ordinal = this.#connections.length;
    const url = urls[ordinal % urls.length];
    if (url === undefined) throw new Error(`${this.name} has no address to connect to.`);
    const subject = `load-${ordinal}`;
    const connection = await WireConnection.connect(url, await this.#settings.token(subject), agent, progressOf(first));
    this.#connections.push(connection);
    const sessions = Array.from({ length: count }, (_, index) => {
      const name = `${this.name}-${process.pid}-${++this.#opened}`;
      const session = new TargetSession(name, "bench", connection, progressOf(first + index), perSend);
      session.workflowId = workflowId?.(subject, name);
      session.truth = truth && (() => truth(subject, name));
      return session;
    });
    await Promise.all(sessions.map((session) => connection.add(session)));
    return sessions;
  }

  async closeSessions(): Promise<void> {
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  async close(): Promise<void> {
    await this.closeSessions();
  }
}

class TargetSession extends WireSession implements LoadSession {
  workflowId: string | undefined;
  truth: (() => Promise<WorkflowFacts>) | undefined;

  async verify(): Promise<string[]> {
    const { name, offered } = this;
    const faults = [...this.faults];
    const compare = (sent: number, held: number | undefined, sentence: string): void => {
      if (held !== undefined && held !== sent) faults.push(`${name}: ${sent} ${sentence} ${held}.`);
    };
    const truth = await this.truth?.();
    compare(offered.inputs, this.snapshot.turns.at(-1)?.turn ?? 0, "inputs were sent, the reader saw turns:");
    compare(offered.inputs, truth?.turns, "inputs were sent, the workflow holds turns:");
    compare(offered.observes, truth?.observes, "observes were sent, the workflow counted");
    return faults;
  }
}

/** Longer than any wait that is still a figure: an answer later than this counts as lost and is asked for again. */
const ANSWER_TIMEOUT_MS = 60_000;

/** One socket and the sessions on it. Comes back by itself and reopens them where they were. */
export class WireConnection implements Wire {
  readonly #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  readonly #agent: string;
  readonly #sessions = new Map<string, WireSession>();

  private constructor(socket: Socket<ServerToClientEvents, ClientToServerEvents>, agent: string, progress: Progress) {
    this.#socket = socket;
    this.#agent = agent;
    socket.on("frames", (session, frames) => this.#sessions.get(session)?.accept(frames));
    socket.on("disconnect", () => progress.note("disconnect"));
    socket.on("connect_error", () => progress.note("connect_error"));
    socket.on("connect", () => {
      // The first connect finds no session; they are opened one by one when they are added.
      for (const session of this.#sessions.values()) session.reopen().catch(() => progress.note("reopen_failed"));
    });
  }

  /** Rejects with the edge's refusal, or when nothing listens at `url`. */
  static async connect(url: string, token: string, agent: string, progress: Progress): Promise<WireConnection> {
    const auth = { token, protocol: PROTOCOL_VERSION, client: "bench" };
    const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, {
      auth,
      transports: ["websocket"],
      forceNew: true,
      reconnectionDelayMax: 2_000,
      autoConnect: false,
    });
    const connection = new WireConnection(socket, agent, progress);
    await new Promise<void>((resolve, reject) => {
      const refused = (error: Error): void => {
        socket.close();
        reject(new Error(`The edge at ${url} did not take the connection: ${error.message}`));
      };
      socket.once("connect_error", refused);
      socket.once("connect", () => {
        // From now on a refusal is one of many tries to come back.
        socket.off("connect_error", refused);
        resolve();
      });
      socket.connect();
    });
    return connection;
  }

  async add(session: WireSession): Promise<void> {
    this.#sessions.set(session.name, session);
    await this.open(session.name, undefined);
  }

  async send(request: SendRequest): Promise<SendAck> {
    if (!this.#socket.connected) throw new Error("not connected");
    return await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck("send", request);
  }

  async open(session: string, cursor: Cursor | undefined): Promise<void> {
    const request = { session, agent: this.#agent, ...(cursor === undefined ? {} : { cursor }) };
    const ack = await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck("open", request);
    if (!ack.ok) throw new Error(`Session ${session} did not open: ${ack.error.code}: ${ack.error.message}`);
  }

  close(): void {
    this.#socket.close();
  }
}
