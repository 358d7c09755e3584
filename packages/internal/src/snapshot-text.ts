import { snapshotSchema, type Applied, type Snapshot } from "@holdfast/contract/snapshot";
import { inputSchema, runningTurnSchema, stepSchema, turnSchema, type RunningTurn } from "@holdfast/contract/turn";
import { z } from "zod";
import { parseJson } from "./json-text.ts";

/** A snapshot to be passed on: its text, which is a valid `Snapshot`, and as much of what it says as that takes. */
export interface SnapshotText {
  readonly json: string;
  readonly version: number;
  readonly applied: Applied;
  readonly running: Pick<RunningTurn, "turn" | "step" | "attempt" | "index"> | null;
}

const looseInputs = z.array(inputSchema.extend({ data: z.unknown().optional() }));
const looseParts = z.array(z.looseObject({ type: z.string() }));
const looseSteps = z.array(stepSchema.extend({ parts: looseParts }));
/** A snapshot's shape, without a look into agents' state, clients' `data` and what parts hold: whatever was parsed as JSON is valid there. */
const shapeSchema = snapshotSchema.extend({
  state: z.looseObject({}),
  turns: z.array(turnSchema.extend({ inputs: looseInputs, steps: looseSteps })),
  running: runningTurnSchema
    .extend({
      inputs: looseInputs,
      steps: looseSteps,
      parts: looseParts,
      questions: z.array(z.looseObject({ id: z.string() })),
    })
    .nullable(),
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

interface Numbered {
  turns: { turn: number }[];
  running: { turn: number; step: number; steps: { step: number }[] } | null;
}

/** SPEC snap-2: no turn is missing between the first that is kept and the running one, and no step of that. */
function isCountedOn({ turns, running }: Numbered): boolean {
  const next = running?.turn;
  const areTurnsDense = turns.every(({ turn }, i) => {
    const after = turns[i + 1]?.turn ?? next;
    return after === undefined || after === turn + 1;
  });
  if (running === null) return areTurnsDense;
  const { step, steps } = running;
  return areTurnsDense && areFirstSteps(steps, step);
}

/** Whether these are all of the steps before `step`. */
export function areFirstSteps(steps: readonly { step: number }[], step: number): boolean {
  return steps.length === step - 1 && steps.every((ended, i) => ended.step === i + 1);
}
