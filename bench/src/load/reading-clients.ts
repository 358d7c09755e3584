import { obey, planOf } from "@holdfast/test/kit/child-process";
import { z } from "zod";
import { connectSocket } from "./wire-target.ts";

/** Readers of sessions, each with a socket of its own, in a process of their own: what they cost is not the edge's. */
const planSchema = z.object({
  url: z.string(),
  token: z.string(),
  sessions: z.array(z.string()),
  /** Of each session. */
  readers: z.number().int().min(1),
});
export type ReadingPlan = z.infer<typeof planSchema>;

/** Asks how many frames have reached their readers. */
const orderSchema = z.object({ order: z.literal("count") });
export type CountOrder = z.infer<typeof orderSchema>;

const { url, token, sessions, readers } = planOf(planSchema);
let frames = 0;

async function read(session: string): Promise<void> {
  const socket = await connectSocket(url, token, { reconnection: false, timeout: 120_000 });
  socket.on("frames", (_session, batch) => {
    frames += batch.length;
  });
  socket.on("disconnect", (why) => {
    console.error(`A reader lost its connection: ${why}`);
    process.exit(1);
  });
  const ack = await socket.emitWithAck("open", { session, agent: "echo" });
  if (!ack.ok) throw new Error(`${session} did not open: ${ack.error.message}`);
}

for (let reader = 0; reader < readers; reader++) await Promise.all(sessions.map(read));
obey(orderSchema, async () => ({ frames }));
