import { PROTOCOL_VERSION, type ClientToServerEvents, type ServerToClientEvents } from "@holdfast/contract";
import { io, type Socket } from "socket.io-client";
import { z } from "zod";

/** Readers of sessions, each with a socket of its own, in a process of their own: what they cost is not the edge's. */
const config = z
  .object({
    READING_URL: z.string(),
    READING_TOKEN: z.string(),
    READING_SESSIONS: z.string().transform((text) => text.split(",")),
    READING_READERS: z.coerce.number().int().min(1),
  })
  .parse(process.env);

/** Frames that reached their readers. */
export interface ReadingReport {
  frames: number;
}

const REPORT_INTERVAL_MS = 50;

let frames = 0;

async function read(session: string): Promise<void> {
  const auth = { token: config.READING_TOKEN, protocol: PROTOCOL_VERSION, client: "bench" };
  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(config.READING_URL, {
    auth,
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    timeout: 120_000,
  });
  socket.on("frames", (_session, batch) => {
    frames += batch.length;
  });
  const ended = (why: Error | string): void => {
    console.error(`A reader lost its connection: ${String(why)}`);
    process.exit(1);
  };
  socket.on("connect_error", ended);
  socket.on("disconnect", ended);
  const ack = await socket.emitWithAck("open", { session, agent: "echo" });
  if (!ack.ok) throw new Error(`${session} did not open: ${ack.error.message}`);
}

process.on("disconnect", () => process.exit(0));

for (let reader = 0; reader < config.READING_READERS; reader++) {
  await Promise.all(config.READING_SESSIONS.map(read));
}
process.send?.("listening");
setInterval(() => process.send?.({ frames } satisfies ReadingReport), REPORT_INTERVAL_MS);
