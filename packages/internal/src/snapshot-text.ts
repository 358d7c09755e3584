import {
  inputSchema,
  runningTurnSchema,
  snapshotSchema,
  turnSchema,
  type Applied,
  type Snapshot,
} from "@holdfast/contract/snapshot";
import { z } from "zod";
import { parseJson } from "./json-text.ts";

/** A snapshot to be passed on: its text, which is a valid `Snapshot`, and as much of what it says as that takes. */
export interface SnapshotText {
  readonly json: string;
  readonly version: number;
  readonly applied: Applied;
  readonly running: { readonly turn: number; readonly index: number } | null;
}

const looseInputs = z.array(inputSchema.extend({ data: z.unknown().optional() }));
/** A snapshot's shape, without a look into agents' state and clients' `data`: whatever was parsed as JSON is valid there. */
const shapeSchema = snapshotSchema.extend({
  state: z.looseObject({}),
  turns: z.array(turnSchema.extend({ inputs: looseInputs })),
  running: runningTurnSchema.extend({ inputs: looseInputs }).nullable(),
});

/**
 * A snapshot from its text; undefined where it is no valid one. 2.5 ms for 350 KB, most of it the parser's. With the whole
 * schema, and encoded again, it would be 9 ms.
 */
export function readSnapshotText(json: string): SnapshotText | undefined {
  const { data } = shapeSchema.safeParse(parseJson(json));
  if (data === undefined || !isCountedOn(data)) return undefined;
  const { version, applied, running } = data;
  return { json, version, applied, running };
}

/** The whole of it. */
export function readSnapshot(json: string): Snapshot | undefined {
  const { data } = snapshotSchema.safeParse(parseJson(json));
  return data === undefined || !isCountedOn(data) ? undefined : data;
}

/** SPEC snap-2: no turn is missing between the first that is kept and the running one. */
function isCountedOn({ turns, running }: { turns: { turn: number }[]; running: { turn: number } | null }): boolean {
  const next = running?.turn;
  return turns.every(({ turn }, i) => {
    const after = turns[i + 1]?.turn ?? next;
    return after === undefined || after === turn + 1;
  });
}
