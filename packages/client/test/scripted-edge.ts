import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  authSchema,
  closeRequestSchema,
  commandRequestSchema,
  historyRequestSchema,
  LIMITS,
  openRequestSchema,
  renewRequestSchema,
  sendRequestSchema,
  wireError,
  type Auth,
  type CommandAck,
  type CommandRequest,
  type HistoryAck,
  type HistoryRequest,
  type OpenAck,
  type OpenRequest,
  type PlainAck,
  type RenewRequest,
  type SendAck,
  type SendRequest,
  type WireError,
} from "@holdfast/contract";
import { Server, type Socket } from "socket.io";
import type { z } from "zod";
import { ScriptedWorld, SUBJECT } from "./scripted-session.ts";

type Answered<Ack> = Ack | "silence" | Promise<Ack | "silence">;

/**
 * What the test makes the edge do. Each gets the request and the ordinary answer as a function, which also carries the request
 * out; `silence` gives no answer.
 */
export interface Script {
  connect?: (auth: Auth) => WireError | undefined;
  open?: (request: OpenRequest, proceed: () => OpenAck) => Answered<OpenAck>;
  send?: (request: SendRequest, proceed: () => SendAck) => Answered<SendAck>;
  command?: (request: CommandRequest) => Answered<CommandAck>;
  history?: (request: HistoryRequest, proceed: () => HistoryAck) => Answered<HistoryAck>;
  close?: () => Answered<PlainAck>;
  renew?: (request: RenewRequest) => Answered<PlainAck>;
}

/** A real Socket.IO server that speaks SPEC over a scripted world. Requests that break the contract fail the test. */
export class ScriptedEdge {
  readonly world: ScriptedWorld;
  readonly url: string;
  readonly node: string;
  script: Script = {};
  readonly auths: Auth[] = [];
  readonly opens: OpenRequest[] = [];
  readonly sends: SendRequest[] = [];
  readonly commands: CommandRequest[] = [];
  readonly histories: HistoryRequest[] = [];
  readonly closes: string[] = [];
  /** Requests the contract's schemas refuse. Empty at the end of every test that does not provoke them. */
  readonly violations: unknown[] = [];
  limits: Record<string, number> = { ...LIMITS };
  readonly #server: Server;

  constructor(server: Server, url: string, node: string, world: ScriptedWorld) {
    this.#server = server;
    this.url = url;
    this.node = node;
    this.world = world;
    server.use((socket, next) => {
      const auth = authSchema.parse(socket.handshake.auth);
      this.auths.push(auth);
      const refusal = this.script.connect?.(auth);
      next(refusal && Object.assign(new Error(refusal.code), { data: refusal }));
    });
    server.on("connection", (socket) => new EdgeConnection(this, socket));
  }

  static async start(options: { world?: ScriptedWorld; port?: number; node?: string } = {}): Promise<ScriptedEdge> {
    const http = createServer();
    const server = new Server(http, { transports: ["websocket"], serveClient: false, cors: { origin: "*" } });
    await new Promise<void>((resolve) => http.listen(options.port ?? 0, "127.0.0.1", resolve));
    const address = http.address();
    if (!isTcp(address)) throw new Error("not listening");
    const world = options.world ?? new ScriptedWorld();
    return new ScriptedEdge(server, `http://127.0.0.1:${address.port}`, options.node ?? "edge-1", world);
  }

  get connections(): number {
    return this.#server.sockets.sockets.size;
  }

  /** To every connection. */
  tell(event: string, message: unknown): void {
    this.#server.emit(event, message);
  }

  /** Nothing was ever said here, and nothing is scripted. */
  reset(): void {
    this.script = {};
    this.world.clear();
    const { auths, opens, sends, commands, histories, closes, violations } = this;
    for (const told of [auths, opens, sends, commands, histories, closes, violations]) told.length = 0;
  }

  /** Ends every transport, as a crash or a drain does (SPEC close-1). */
  drop(): void {
    for (const socket of this.#server.sockets.sockets.values()) socket.conn.close();
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }
}

function isTcp(address: AddressInfo | string | null): address is AddressInfo {
  return address !== null && typeof address !== "string";
}

class EdgeConnection {
  readonly #edge: ScriptedEdge;
  readonly #socket: Socket;
  readonly #deliveries = new Map<string, () => void>();
  /** Per session and producer: the last seq this connection took (SPEC send-5). */
  readonly #took = new Map<string, number>();

  constructor(edge: ScriptedEdge, socket: Socket) {
    this.#edge = edge;
    this.#socket = socket;
    socket.emit("welcome", {
      protocol: 1,
      subject: SUBJECT,
      node: edge.node,
      limits: edge.limits,
      tokenExpiresInMs: null,
      later: "ignored",
    });
    this.#on("open", openRequestSchema, (request): Answered<OpenAck> => {
      edge.opens.push(request);
      const proceed = (): OpenAck => this.#open(request);
      return edge.script.open === undefined ? proceed() : edge.script.open(request, proceed);
    });
    this.#on("send", sendRequestSchema, (request): Answered<SendAck> => {
      edge.sends.push(request);
      const proceed = (): SendAck => this.#send(request);
      return edge.script.send === undefined ? proceed() : edge.script.send(request, proceed);
    });
    this.#on("command", commandRequestSchema, (request): Answered<CommandAck> => {
      edge.commands.push(request);
      return edge.script.command?.(request) ?? { ok: false, error: wireError("unknown_command") };
    });
    this.#on("history", historyRequestSchema, (request): Answered<HistoryAck> => {
      edge.histories.push(request);
      const proceed = (): HistoryAck => ({ ok: true, ...edge.world.session(request.session).history(request) });
      return edge.script.history === undefined ? proceed() : edge.script.history(request, proceed);
    });
    this.#on(
      "renew",
      renewRequestSchema,
      (request): Answered<PlainAck> => edge.script.renew?.(request) ?? { ok: true },
    );
    this.#on("close", closeRequestSchema, ({ session }): Answered<PlainAck> => {
      if (edge.script.close !== undefined) return edge.script.close();
      edge.closes.push(session);
      this.#deliveries.get(session)?.();
      this.#deliveries.delete(session);
      return { ok: true };
    });
    socket.on("disconnect", () => {
      for (const end of this.#deliveries.values()) end();
    });
  }

  #on<T, Ack>(event: string, schema: z.ZodType<T>, answer: (request: T) => Answered<Ack>): void {
    this.#socket.on(event, async (raw: unknown, ack: (answer: Ack | { ok: false; error: WireError }) => void) => {
      const parsed = schema.safeParse(raw);
      if (!parsed.success) {
        this.#edge.violations.push(raw);
        ack({ ok: false, error: wireError("invalid") });
        return;
      }
      const answered = await answer(parsed.data);
      if (answered !== "silence") ack(answered);
    });
  }

  #open(request: OpenRequest): OpenAck {
    const session = this.#edge.world.session(request.session);
    this.#deliveries.get(request.session)?.();
    const missed = request.cursor === undefined ? undefined : session.after(request.cursor);
    const push = (frames: unknown[]): void => void this.#socket.emit("frames", request.session, frames);
    if (missed === undefined) push([{ type: "snapshot", id: session.cursor, snapshot: session.snapshot }]);
    else if (missed.length > 0) push(missed);
    this.#deliveries.set(request.session, session.follow(push));
    return { ok: true, resumed: missed !== undefined };
  }

  #send({ session, producer, events, after }: SendRequest): SendAck {
    if (!this.#deliveries.has(session)) return { ok: false, error: wireError("not_open") };
    const first = events[0]?.seq ?? 1;
    const last = events.at(-1)?.seq ?? 1;
    const key = `${session} ${producer}`;
    const took = this.#took.get(key);
    const expected = after ?? first - 1;
    if (took !== undefined && expected > took) {
      return { ok: false, error: wireError("out_of_order", undefined, { after: took }) };
    }
    this.#took.set(key, Math.max(took ?? 0, last));
    this.#edge.world.session(session).take(producer, events);
    return { ok: true, durable: last };
  }
}
