import { z } from "zod";
import { seqSchema } from "./events.ts";
import { MARK_PATTERN } from "./ids.ts";
import { jsonObjectSchema } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { runningTurnSchema, shrunkTurn, type Turn, turnLength, turnSchema } from "./turn.ts";

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

/**
 * SPEC snap-2, snap-5: of `turns`, those a snapshot carries, as it carries them. The workflow, the log and every reader go by this one
 * rule, so they agree on what a snapshot holds. The same array where it is all of them.
 */
export function boundTurns(turns: Turn[]): Turn[] {
  const whole = turns.length - LIMITS.wholeTurns;
  const shrunk = turns.map((turn, i) => (i < whole ? shrunkTurn(turn) : turn));
  let length = 0;
  let first = shrunk.length;
  while (first > 0 && shrunk.length - first < LIMITS.snapshotTurns) {
    const turn = shrunk[first - 1];
    if (turn === undefined) break;
    length += turnLength(turn);
    if (length > LIMITS.snapshotLength && first < shrunk.length) break;
    first--;
  }
  return first === 0 && shrunk.every((turn, i) => turn === turns[i]) ? turns : shrunk.slice(first);
}
