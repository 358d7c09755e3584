import { z } from "zod";

/** What a process full of clients is told when it begins. */
export const crowdPlanSchema = z.object({
  edges: z.array(z.string()).min(1),
  jwtSecret: z.string(),
  /** Part of every subject's name, so that a second storm of one stack has sessions of its own. */
  label: z.string(),
  /** Number of the first client, and how many there are. */
  first: z.number().int(),
  count: z.number().int(),
  /** Each of so many first clients of the process has an answer streaming when the edge dies. */
  streams: z.number().int(),
  streamScript: z.string(),
  /** All on the first edge; else shared out as the client does it by itself. */
  onFirstEdge: z.boolean(),
  /** One subject for all, or one for each. */
  oneSubject: z.boolean(),
});
export type CrowdPlan = z.infer<typeof crowdPlanSchema>;

/**
 * - `gather`: everybody connects, says something and has the answer.
 * - `stream`: long answers begin; done when each of them has said something.
 * - `mark`: from now on everything is counted; `struck` is the edge that is about to die.
 * - `settle`: done when everybody who was on the struck edge reads again, and the long answers are whole.
 * - `call`: so many of them say something again and have the answer.
 */
export const orderSchema = z.discriminatedUnion("order", [
  z.object({ order: z.literal("gather") }),
  z.object({ order: z.literal("stream") }),
  z.object({ order: z.literal("mark"), struck: z.string() }),
  z.object({ order: z.literal("settle") }),
  z.object({ order: z.literal("call"), visitors: z.number().int() }),
  z.object({ order: z.literal("report") }),
]);
export type Order = z.infer<typeof orderSchema>;

/** One client's storm. Times are Unix milliseconds. */
export const visitorRecordSchema = z.object({
  name: z.string(),
  /** It was on the edge that died. */
  wasStruck: z.boolean(),
  /** When each attempt to connect began, and what the client waited before it. */
  attempts: z.array(z.object({ at: z.number(), waitedMs: z.number() })),
  /** Why attempts failed, by the error's code. */
  failures: z.record(z.string(), z.number()),
  /** When its session was delivered again; null if never. */
  openAt: z.number().nullable(),
  /** Since `mark`: snapshots, and frames that did not follow the one before them. */
  snapshots: z.number(),
  breaks: z.number(),
  /** Sentences about turns whose text is not what the model said. */
  wrong: z.array(z.string()),
});
export type VisitorRecord = z.infer<typeof visitorRecordSchema>;

export const crowdReportSchema = z.object({
  visitors: z.array(visitorRecordSchema),
  /** Of this process: resident memory now, CPU time since `mark`, and the longest time its event loop stood still. */
  rssBytes: z.number(),
  cpuSeconds: z.number(),
  loopStallMs: z.number(),
});
export type CrowdReport = z.infer<typeof crowdReportSchema>;
