import { PROTOCOL_VERSION, type ClientToServerEvents, type ServerToClientEvents } from "@holdfast/contract";
import { begun, planOf } from "@holdfast/test/kit/child-process";
import { io, type Socket } from "socket.io-client";
import { z } from "zod";

/** Readers of sessions, each with a socket of its own, in a process of their own: what they cost is not the edge's. */
const planSchema = z.object({
  url: z.string(),
  token: z.string(),
  sessions: z.array(z.string()),
  /** Of each session. */
  readers: z.number().int().min(1),
});
export type ReadingPlan = z.infer<typeof planSchema>;
const plan = planOf(planSchema);

/** Frames that reached their readers. */
export interface ReadingReport {
  frames: number;
}

const REPORT_INTERVAL_MS = 50;

let frames = 0;

async function read(session: string): Promise<void> {
  const auth = { token: plan.token, protocol: PROTOCOL_VERSION, client: "bench" };
  const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(plan.url, {
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

for (let reader = 0; reader < plan.readers; reader++) await Promise.all(plan.sessions.map(read));
begun();
setInterval(() => process.send?.({ frames } satisfies ReadingReport), REPORT_INTERVAL_MS);
