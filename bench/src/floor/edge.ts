import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type BodyOf,
  type ClientToServerEvents,
  emptySnapshot,
  frameSchema,
  type Input,
  type InputEvent,
  LIMITS,
  PROTOCOL_VERSION,
  type SendRequest,
  type ServerToClientEvents,
} from "@holdfast/contract";
import { begun, planOf } from "@holdfast/test/kit/child-process";
import { Redis } from "ioredis";
import { Server, type Socket } from "socket.io";
import { z } from "zod";

/** The floor's edge, a process of its own: the same messages as Holdfast's, straight from Socket.IO to Redis and back. */
const floorOptionsSchema = z.object({
  port: z.number().int(),
  redisUrl: z.string(),
  /** Of an answer, and the pause in milliseconds between two of them. */
  tokens: z.number().int().min(1),
  tokenDelay: z.number().min(0),
});
export type FloorOptions = z.infer<typeof floorOptionsSchema>;
const { port, redisUrl, tokens, tokenDelay } = planOf(floorOptionsSchema);

/** The floor looks at no token. */
const SUBJECT = "floor";
/** As Holdfast does: the first token at once, later ones together. */
const FRAME_EVERY_MS = 40;
const TOKENS_PER_FRAME = tokenDelay === 0 ? tokens : Math.max(1, Math.round(FRAME_EVERY_MS / tokenDelay));

const commands = new Redis(redisUrl);
const subscriber = new Redis(redisUrl);
const readers = new Map<string, { socket: Socket<ClientToServerEvents, ServerToClientEvents>; session: string }>();

subscriber.on("smessage", (channel: string, message: string) => {
  const reader = readers.get(channel);
  if (reader === undefined) return;
  reader.socket.emit("frames", reader.session, [frameSchema.parse(JSON.parse(message))]);
});

/**
 * One session of the floor: events go to one Redis stream, frames to another and out on a channel, and whoever reads the
 * channel passes them to the socket. No workflow, no fence, no dedupe, no retry: only the hops nothing can do without.
 */
class EchoSession {
  readonly channel: string;
  readonly #key: string;
  #turn = 0;
  #version = 0;
  #frames = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(name: string) {
    this.#key = `floor:{${name}}`;
    this.channel = `${this.#key}:feed`;
  }

  /** Resolves when the events stand in Redis. Inputs are then answered one after the other. */
  async accept({ producer, events }: SendRequest): Promise<void> {
    await commands.xadd(`${this.#key}:in`, "MAXLEN", "1000", "*", "events", JSON.stringify(events));
    for (const event of events) {
      if (event.kind === "input") this.#queue = this.#queue.then(() => this.#runTurn(producer, event));
    }
  }

  async #runTurn(producer: string, { seq, text }: InputEvent): Promise<void> {
    const turn = ++this.#turn;
    const inputs: Input[] = [{ by: SUBJECT, producer, seq, origin: "user", at: Date.now(), text }];
    const begun = { turn, agent: "floor", origin: "user", inputs, applied: {} } as const;
    await this.#publish({ type: "turn.started", version: ++this.#version, ...begun });
    const index = await this.#speak(turn);
    const end = { outcome: "completed", finish: "stop", step: 1, attempt: 1, index } as const;
    await this.#publish({ type: "turn.ended", version: ++this.#version, turn, ...end, patch: [] });
  }

  /** Resolves to the index of the last delta. */
  async #speak(turn: number): Promise<number> {
    let index = 0;
    for (let spoken = 0; spoken < tokens;) {
      const count = ++index === 1 ? 1 : Math.min(TOKENS_PER_FRAME, tokens - spoken);
      if (tokenDelay > 0 && index > 1) await sleep(count * tokenDelay);
      const begins = index === 1 ? ({ begins: "text" } as const) : {};
      const text = "token ".repeat(count);
      await this.#publish({ type: "delta", turn, step: 1, attempt: 1, index, at: 0, ...begins, text });
      spoken += count;
    }
    return index;
  }

  async #publish(body: BodyOf<"turn.started" | "delta" | "turn.ended">): Promise<void> {
    const prev = `${this.#frames}`;
    const frame = JSON.stringify({ ...body, prev, id: `${++this.#frames}` });
    const transaction = commands.multi().xadd(`${this.#key}:log`, "MAXLEN", "4000", "*", "frame", frame);
    await transaction.spublish(this.channel, frame).exec();
  }
}

const server = createServer();
const io = new Server<ClientToServerEvents, ServerToClientEvents>(server, {
  transports: ["websocket"],
  maxHttpBufferSize: LIMITS.packetBytes,
});

io.on("connection", (socket) => {
  const sessions = new Map<string, EchoSession>();
  const welcome = {
    protocol: PROTOCOL_VERSION,
    subject: SUBJECT,
    node: "floor",
    limits: LIMITS,
    tokenExpiresInMs: null,
  };
  socket.emit("welcome", welcome);
  socket.on("open", async ({ session: name }, ack) => {
    const session = new EchoSession(name);
    readers.set(session.channel, { socket, session: name });
    await subscriber.ssubscribe(session.channel);
    sessions.set(name, session);
    socket.emit("frames", name, [{ type: "snapshot", id: "0", snapshot: emptySnapshot("floor") }]);
    ack({ ok: true, resumed: false });
  });
  socket.on("send", async (request, ack) => {
    await sessions.get(request.session)?.accept(request);
    ack({ ok: true, durable: request.events.at(-1)?.seq ?? 1 });
  });
});

server.listen(port, "127.0.0.1", () => begun());
