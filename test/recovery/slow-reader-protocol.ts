import { z } from "zod";

/** The process that is stopped in the middle: readers of one session, and nothing else. */
export const sleepersPlanSchema = z.object({
  edge: z.string(),
  jwtSecret: z.string(),
  subject: z.string(),
  session: z.string(),
  script: z.string(),
  count: z.number().int(),
});
export type SleepersPlan = z.infer<typeof sleepersPlanSchema>;

/** `open`: done when all of them read. `reach`: done when all have seen the end of this turn. */
export const sleepersOrderSchema = z.discriminatedUnion("order", [
  z.object({ order: z.literal("open") }),
  z.object({ order: z.literal("reach"), turn: z.number().int() }),
  z.object({ order: z.literal("report") }),
]);

export const sleepersReportSchema = z.object({
  readers: z.array(
    z.object({
      connects: z.number(),
      snapshots: z.number(),
      breaks: z.number(),
      turn: z.number(),
      wrong: z.array(z.string()),
    }),
  ),
});

/** The input of the session's turn `turn`: the model's script is part of it. */
export function inputOf(session: string, script: string, turn: number): string {
  return `${session} ${turn} faults:${script}`;
}
