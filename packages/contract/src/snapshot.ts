import { z } from "zod";
import { seqSchema } from "./events.ts";
import { MARK_PATTERN } from "./ids.ts";
import { jsonObjectSchema } from "./json.ts";
import { runningTurnSchema, turnSchema } from "./turn.ts";

/** For each `subject/producer` (`markOf`), the highest seq of an input that a turn has taken. */
export const appliedSchema = z.record(z.string().regex(MARK_PATTERN), seqSchema);
export type Applied = z.infer<typeof appliedSchema>;

/** The whole of a session at one version. Version 0 is a session nobody has sent anything to. */
export const snapshotSchema = z.object({
  version: z.number().int().min(0),
  agent: z.string(),
  state: jsonObjectSchema,
  turns: z.array(turnSchema),
  running: runningTurnSchema.nullable(),
  applied: appliedSchema,
});
export type Snapshot = z.infer<typeof snapshotSchema>;

export function emptySnapshot(agent: string): Snapshot {
  return { version: 0, agent, state: {}, turns: [], running: null, applied: {} };
}
