import { begun, planOf } from "@holdfast/test/kit/child-process";
import { createServer } from "node:http";
import {
  type ClientToServerEvents,
  emptySnapshot,
  type BodyOf,
  type Input,
  frameSchema,
  type InputEvent,
  LIMITS,
  type PatchOperation,
  PROTOCOL_VERSION,
  type ServerToClientEvents,
} from "@holdfast/contract";
import { Redis } from "ioredis";
import { Server, type Socket } from "socket.io";
import { z } from "zod";

/** The floor's edge, a process of its own: the same messages as Holdfast's, straight from Socket.IO to Redis and back. */
const { port, redisUrl, answer } = planOf(
  z.object({
    port: z.number().int(),
    redisUrl: z.string(),
    answer: z.object({ tokens: z.number().int().min(1), tokenDelayMs: z.number().min(0) }),
  }),
);

const commands = new Redis(redisUrl);
const subscriber = new Redis(redisUrl);
const readers = new Map<string, { socket: FloorSocket; session: string }>();

subscriber.on("smessage", (channel: string, message: string) => {
  const reader = readers.get(channel);
  if (reader === undefined) return;
  reader.socket.emit("frames", reader.session, [frameSchema.parse(JSON.parse(message))]);
});

/** The floor looks at no token. */
const SUBJECT = "floor";

const server = createServer();
const io = new Server<ClientToServerEvents, ServerToClientEvents>(server, {
  transports: ["websocket"],
  maxHttpBufferSize: LIMITS.packetBytes,
});

io.on("connection", (socket) => {
  const sessions = new Map<string, EchoSession>();
  socket.emit("welcome", {
    protocol: PROTOCOL_VERSION,
    subject: SUBJECT,
    node: "floor",
    limits: LIMITS,
    tokenExpiresInMs: null,
  });
  socket.on("open", async ({ session }, ack) => {
    const channel = EchoSession.channel(session);
    readers.set(channel, { socket, session });
    await subscriber.ssubscribe(channel);
    sessions.set(session, new EchoSession(commands, session, answer));
    socket.emit("frames", session, [{ type: "snapshot", id: "0", snapshot: emptySnapshot("floor") }]);
    ack({ ok: true, resumed: false });
  });
  socket.on("send", async ({ session, producer, events }, ack) => {
    await sessions.get(session)?.accept(producer, events);
    ack({ ok: true, durable: events.at(-1)?.seq ?? 1 });
  });
});

server.listen(port, "127.0.0.1", () => begun());

export type FloorSocket = Socket<ClientToServerEvents, ServerToClientEvents>;

/** How many tokens an answer has, and the pause between two of them. */
export interface Answer {
  tokens: number;
  tokenDelayMs: number;
}

/** As Holdfast does: the first token at once, later ones together. */
const FRAME_EVERY_MS = 40;

/**
 * One session of the floor: events go to one Redis stream, frames to another and out on a channel, and whoever reads the
 * channel passes them to the socket. No workflow, no fence, no dedupe, no retry: only the hops nothing can do without.
 */
export class EchoSession {
  readonly #redis: Redis;
  readonly #name: string;
  readonly #answer: Answer;
  #turn = 0;
  #version = 0;
  #frames = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(redis: Redis, name: string, answer: Answer) {
    this.#redis = redis;
    this.#name = name;
    this.#answer = answer;
  }

  static channel(name: string): string {
    return `floor:{${name}}:feed`;
  }

  /** Resolves when the events stand in Redis. Inputs are then answered one after the other. */
  async accept(producer: string, events: Parameters<ClientToServerEvents["send"]>[0]["events"]): Promise<void> {
    await this.#redis.xadd(`floor:{${this.#name}}:in`, "MAXLEN", "1000", "*", "events", JSON.stringify(events));
    for (const event of events) {
      if (event.kind === "input") this.#queue = this.#queue.then(() => this.#runTurn(producer, event));
    }
  }

  async #runTurn(producer: string, { seq, text }: InputEvent): Promise<void> {
    const turn = ++this.#turn;
    const origin = "user" as const;
    const inputs: Input[] = [{ by: "floor", producer, seq, origin, at: Date.now(), text }];
    const begun = { turn, agent: "floor", origin, inputs, applied: {} };
    await this.#publish({ type: "turn.started", version: ++this.#version, ...begun });
    const index = await this.#speak(turn);
    const end = {
      outcome: "completed",
      finish: "stop",
      step: 1,
      attempt: 1,
      index,
      patch: [] as PatchOperation[],
    } as const;
    await this.#publish({ type: "turn.ended", version: ++this.#version, turn, ...end });
  }

  /** Resolves to the index of the last delta. */
  async #speak(turn: number): Promise<number> {
    const { tokens, tokenDelayMs } = this.#answer;
    const perFrame = tokenDelayMs === 0 ? tokens : Math.max(1, Math.round(FRAME_EVERY_MS / tokenDelayMs));
    let index = 0;
    for (let spoken = 0; spoken < tokens;) {
      const count = ++index === 1 ? 1 : Math.min(perFrame, tokens - spoken);
      if (tokenDelayMs > 0 && index > 1) await new Promise((resolve) => setTimeout(resolve, count * tokenDelayMs));
      const text = "token ".repeat(count);
      const begins = index === 1 ? ({ begins: "text" } as const) : {};
      await this.#publish({ type: "delta", turn, step: 1, attempt: 1, index, at: 0, ...begins, text });
      spoken += count;
    }
    return index;
  }

  async #publish(body: BodyOf<"turn.started" | "delta" | "turn.ended">): Promise<void> {
    const prev = `${this.#frames}`;
    const frame = JSON.stringify({ ...body, prev, id: `${++this.#frames}` });
    const transaction = this.#redis.multi().xadd(`floor:{${this.#name}}:log`, "MAXLEN", "4000", "*", "frame", frame);
    await transaction.spublish(EchoSession.channel(this.#name), frame).exec();
  }
}
