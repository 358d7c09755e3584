import { mintToken } from "@holdfast/stack/token";
import { z } from "zod";
import { obey, planOf } from "../kit/child-process.ts";
import { SteadyReader } from "./steady-session.ts";

const planSchema = z.object({
  edge: z.string(),
  jwtSecret: z.string(),
  subject: z.string(),
  session: z.string(),
  script: z.string(),
  readers: z.number().int(),
});

/** `open`: done when all of them read. `reach`: done when all have seen the end of this turn. */
const orderSchema = z.discriminatedUnion("order", [
  z.object({ order: z.literal("open") }),
  z.object({ order: z.literal("reach"), turn: z.number().int() }),
  z.object({ order: z.literal("report") }),
]);

// The process that is stopped in the middle: readers of one session, and nothing else.
const { jwtSecret, ...session } = planOf(planSchema);
const token = (): Promise<string> => mintToken(jwtSecret, { subject: session.subject });
const readers = Array.from({ length: session.readers }, () => new SteadyReader({ ...session, token }));

obey(orderSchema, async (order) => {
  switch (order.order) {
    case "open":
      await Promise.all(readers.map((reader) => reader.live()));
      return {};
    case "reach":
      await Promise.all(readers.map((reader) => reader.reached(order.turn)));
      return {};
    case "report":
      return { readers: readers.map(({ reading }) => reading) };
  }
});
