import { createServer } from "node:http";
import {
  emptySnapshot,
  frameSchema,
  LIMITS,
  PROTOCOL_VERSION,
  type ClientToServerEvents,
  type ServerToClientEvents,
} from "@holdfast/contract";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { z } from "zod";
import { EchoSession, type FloorSocket } from "./echo.ts";

/** The floor's edge, a process of its own: the same messages as Holdfast's, straight from Socket.IO to Redis and back. */
const config = z
  .object({
    FLOOR_PORT: z.coerce.number().int(),
    FLOOR_REDIS_URL: z.string(),
    FLOOR_TOKENS: z.coerce.number().int().min(1),
    FLOOR_TOKEN_DELAY_MS: z.coerce.number().min(0),
  })
  .parse(process.env);

const commands = new Redis(config.FLOOR_REDIS_URL);
const subscriber = new Redis(config.FLOOR_REDIS_URL);
const answer = { tokens: config.FLOOR_TOKENS, tokenDelayMs: config.FLOOR_TOKEN_DELAY_MS };
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

server.listen(config.FLOOR_PORT, "127.0.0.1", () => process.send?.("listening"));
// Its life is its parent's: without this a bench that was killed would leave it behind.
process.on("disconnect", () => process.exit(0));
process.on("unhandledRejection", (error) => {
  console.error(error);
  process.exit(1);
});
