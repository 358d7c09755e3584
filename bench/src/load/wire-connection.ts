import {
  PROTOCOL_VERSION,
  type ClientToServerEvents,
  type Cursor,
  type SendAck,
  type SendRequest,
  type ServerToClientEvents,
} from "@holdfast/contract";
import { io, type Socket } from "socket.io-client";
import type { Progress } from "./target.ts";
import type { Wire, WireSession } from "./wire-session.ts";

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
