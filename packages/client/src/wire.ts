import {
  announcementSchema,
  jsonSchema,
  LIMITS,
  PROTOCOL_VERSION,
  statusSchema,
  turnSchema,
  welcomeSchema,
  type Announcement,
  type ClientToServerEvents,
  type CloseRequest,
  type CommandRequest,
  type HistoryRequest,
  type Json,
  type OpenRequest,
  type RenewRequest,
  type SendRequest,
  type ServerToClientEvents,
  type Turn,
  type Welcome,
  type WireError,
} from "@holdfast/contract";
import { io, type Socket } from "socket.io-client";
import { z } from "zod";
import { receivedErrorSchema } from "./errors.ts";
import { receiveFrame, type ReceivedFrame } from "./reader.ts";

/** An edge's answer to a request. */
export type Answer<Result> = ({ ok: true } & Result) | { ok: false; error: WireError };
export type OpenAnswer = Answer<{ resumed: boolean }>;
export type SendAnswer = Answer<{ durable: number }>;
export type CommandAnswer = Answer<{ result: Json }>;
export type HistoryAnswer = Answer<{ turns: Turn[]; more: boolean }>;
export type PlainAnswer = Answer<object>;

/**
 * What became of a request. `timeout`: no answer in time, the connection lives. `lost`: the connection ended first.
 * In both cases the request may or may not have been carried out, and may be repeated (SPEC req-3).
 */
export type Reply<A> = { outcome: "answered"; answer: A } | { outcome: "timeout" } | { outcome: "lost" };

/**
 * The acks of the contract with one difference: an error code this client does not know is taken as `internal`
 * (see `receivedErrorSchema`) instead of making the whole ack unreadable.
 */
function answerSchema<S extends z.ZodRawShape>(result: S) {
  return z.discriminatedUnion("ok", [
    z.object({ ok: z.literal(true), ...result }),
    z.object({ ok: z.literal(false), error: receivedErrorSchema }),
  ]);
}

const openAnswerSchema = answerSchema({ resumed: z.boolean() });
const sendAnswerSchema = answerSchema({ durable: z.number() });
const commandAnswerSchema = answerSchema({ result: jsonSchema });
const historyAnswerSchema = answerSchema({ turns: z.array(turnSchema), more: z.boolean() });
const plainAnswerSchema = answerSchema({});

export interface WireOptions {
  url: string;
  token: string;
  client: string | undefined;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
}

/** Hears what comes over a connection by itself: synchronously, in the order of arrival. */
export interface WireDeps {
  connected(): void;
  welcome(welcome: Welcome): void;
  frames(session: string, frames: ReceivedFrame[]): void;
  degraded(degraded: boolean): void;
  expiring(): void;
  announcement(announcement: Announcement): void;
  /** The edge sent something the contract does not allow; it was left out. */
  malformed(event: string, issue: string): void;
  ended(end: WireEnd): void;
}

/**
 * How a connection ended, told exactly once. `refused`: the edge said why at CONNECT (SPEC connect-3). `closed`: it lived
 * and ended; `closing` is the reason the edge announced before, if it did (SPEC close-2). `unreachable`: it never came to be.
 */
export type WireEnd =
  | { kind: "refused"; error: WireError }
  | { kind: "unreachable"; detail: string }
  | { kind: "closed"; closing: WireError | undefined; detail: string };

const closingSchema = z.object({ error: receivedErrorSchema });
/** A session that nobody has. */
const PROBED_SESSION = "~/~probe~";
const refusalSchema = z.object({ data: receivedErrorSchema });

/**
 * One Socket.IO connection, from its CONNECT to its end, never made again: a new connection is a new Wire, so nothing
 * Socket.IO buffered for an old one can reach a new one.
 */
export class Wire {
  readonly url: string;
  readonly #socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  readonly #deps: WireDeps;
  readonly #requestTimeoutMs: number;
  /** Ends each request still without an answer as `lost`. */
  readonly #waiting = new Set<() => void>();
  readonly #deadline: ReturnType<typeof setTimeout>;
  #limits: Welcome["limits"] = LIMITS;
  #subject: string | undefined;
  #closing: WireError | undefined;
  #connected = false;
  #ended = false;

  constructor(options: WireOptions, deps: WireDeps) {
    this.url = options.url;
    this.#deps = deps;
    this.#requestTimeoutMs = options.requestTimeoutMs;
    this.#socket = io(options.url, {
      path: "/socket.io/",
      transports: ["websocket"],
      auth: { token: options.token, protocol: PROTOCOL_VERSION, ...(options.client && { client: options.client }) },
      forceNew: true,
      reconnection: false,
      autoConnect: false,
      timeout: options.connectTimeoutMs,
    });
    // Socket.IO's own timeout ends when the transport is open; an edge that then never answers CONNECT would hang us.
    this.#deadline = setTimeout(() => this.#fail("no answer to CONNECT in time"), options.connectTimeoutMs);
    this.#listen();
    this.#socket.connect();
  }

  /** The subject of the connection's token, as `welcome` says (SPEC connect-4). It is known before any frame. */
  get subject(): string | undefined {
    return this.#subject;
  }

  /** The limits of this edge: the contract's until `welcome` says otherwise (SPEC connect-4). */
  get limits(): Welcome["limits"] {
    return this.#limits;
  }

  get ended(): boolean {
    return this.#ended;
  }

  open(request: OpenRequest): Promise<Reply<OpenAnswer>> {
    return this.#ask(openAnswerSchema, (ack) => this.#socket.emit("open", request, ack));
  }

  /** `late` hears an answer that comes after the timeout. */
  send(request: SendRequest, late: (answer: SendAnswer) => void): Promise<Reply<SendAnswer>> {
    return this.#ask(sendAnswerSchema, (ack) => this.#socket.emit("send", request, ack), { late });
  }

  command(request: CommandRequest): Promise<Reply<CommandAnswer>> {
    return this.#ask(commandAnswerSchema, (ack) => this.#socket.emit("command", request, ack));
  }

  history(request: HistoryRequest): Promise<Reply<HistoryAnswer>> {
    return this.#ask(historyAnswerSchema, (ack) => this.#socket.emit("history", request, ack));
  }

  closeSession(request: CloseRequest): Promise<Reply<PlainAnswer>> {
    return this.#ask(plainAnswerSchema, (ack) => this.#socket.emit("close", request, ack));
  }

  renew(request: RenewRequest): Promise<Reply<PlainAnswer>> {
    return this.#ask(plainAnswerSchema, (ack) => this.#socket.emit("renew", request, ack));
  }

  /**
   * Ends the connection if the edge does not answer in time: after a sleep or a change of networks it may be dead without
   * either side knowing, which Socket.IO's pings find out only after most of a minute. Asks to close a session that cannot be
   * open, since that is answered by the edge alone and changes nothing.
   */
  async probe(timeoutMs: number): Promise<void> {
    const reply = await this.#ask(
      plainAnswerSchema,
      (ack) => this.#socket.emit("close", { session: PROBED_SESSION }, ack),
      { timeoutMs },
    );
    if (reply.outcome === "timeout") this.close("no answer to a probe");
  }

  close(detail = "closed by the client"): void {
    this.#end({ kind: "closed", closing: this.#closing, detail });
    this.#socket.disconnect();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("connect", () => {
      clearTimeout(this.#deadline);
      this.#connected = true;
      this.#deps.connected();
    });
    socket.on("connect_error", (error) => {
      const refusal = refusalSchema.safeParse(error);
      if (refusal.success) this.#end({ kind: "refused", error: refusal.data.data });
      else this.#fail(error.message);
    });
    socket.on("disconnect", (reason) => {
      if (this.#connected) this.#end({ kind: "closed", closing: this.#closing, detail: reason });
    });
    this.#on("welcome", welcomeSchema, (welcome) => {
      this.#limits = { ...LIMITS, ...welcome.limits };
      this.#subject = welcome.subject;
      this.#deps.welcome(welcome);
    });
    this.#on("status", statusSchema, (status) => this.#deps.degraded(status.degraded));
    this.#on("announcement", announcementSchema, (announcement) => this.#deps.announcement(announcement));
    this.#on("closing", closingSchema, (closing) => (this.#closing = closing.error));
    socket.on("expiring", () => this.#deps.expiring());
    socket.on("frames", (session: unknown, frames: unknown) => {
      if (typeof session !== "string" || !Array.isArray(frames)) this.#deps.malformed("frames", "not (string, array)");
      else this.#deps.frames(session, frames.map(receiveFrame));
    });
  }

  #on<T>(
    event: "welcome" | "status" | "announcement" | "closing",
    schema: z.ZodType<T>,
    take: (value: T) => void,
  ): void {
    this.#socket.on(event, (raw: unknown) => {
      const parsed = schema.safeParse(raw);
      if (parsed.success) take(parsed.data);
      else this.#deps.malformed(event, z.prettifyError(parsed.error));
    });
  }

  #fail(detail: string): void {
    this.#socket.disconnect();
    this.#end({ kind: "unreachable", detail });
  }

  #end(end: WireEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#deadline);
    for (const lose of this.#waiting) lose();
    this.#deps.ended(end);
  }

  #ask<T>(
    schema: z.ZodType<T>,
    emit: (ack: (raw: unknown) => void) => void,
    { timeoutMs = this.#requestTimeoutMs, late }: { timeoutMs?: number; late?: (answer: T) => void } = {},
  ): Promise<Reply<T>> {
    return new Promise((resolve) => {
      if (this.#ended) {
        resolve({ outcome: "lost" });
        return;
      }
      let isSettled = false;
      const settle = (reply: Reply<T>): void => {
        isSettled = true;
        clearTimeout(timer);
        this.#waiting.delete(lose);
        resolve(reply);
      };
      const lose = (): void => settle({ outcome: "lost" });
      const timer = setTimeout(() => settle({ outcome: "timeout" }), timeoutMs);
      this.#waiting.add(lose);
      emit((raw) => {
        const parsed = schema.safeParse(raw);
        if (parsed.success && isSettled) late?.(parsed.data);
        else if (parsed.success) settle({ outcome: "answered", answer: parsed.data });
        else this.#deps.malformed("ack", z.prettifyError(parsed.error));
      });
    });
  }
}

/**
 * 128 random bits in hexadecimal, a valid name by SPEC ids-1. Not `crypto.randomUUID`: browsers offer that on secure
 * origins only, and a phone that opens a development server by its address is not on one.
 */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
