import { applyPatch } from "rfc6902";
import { boundTurns } from "./bounds.ts";
import type { Frame, FrameOf, GrowingFrame, PatchOperation, VersionedFrame } from "./frames.ts";
import type { JsonObject } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { crowdedOut } from "./marks.ts";
import { grownPart, type Part } from "./parts.ts";
import type { Applied, Snapshot } from "./snapshot.ts";
import type { RunningTurn, Step, Turn } from "./turn.ts";

/**
 * `applied`: `snapshot` is the new state; the same object where the frame changes nothing a snapshot holds. `ignored`: already known,
 * or made by an attempt that was superseded. `gap`: something before this frame is missing, and the reader must open the session
 * again without a cursor.
 */
export type Reduction = { outcome: "applied"; snapshot: Snapshot } | { outcome: "ignored" } | { outcome: "gap" };

const ignored: Reduction = { outcome: "ignored" };
const gap: Reduction = { outcome: "gap" };
const applied = (snapshot: Snapshot): Reduction => ({ outcome: "applied", snapshot });

/**
 * SPEC frame-1 … frame-6: what one frame does to what a reader holds. Pure: `before` is not changed. Does not check the chain (`prev`): a snapshot
 * restarts it, so that is the reader's business.
 */
export function reduceFrame(before: Snapshot, frame: Frame): Reduction {
  switch (frame.type) {
    case "snapshot":
      return applied(frame.snapshot);
    case "notice":
      return applied(before);
    case "delta":
    case "part":
    case "rewind":
      return reduceGrowing(before, frame);
    case "turn.started":
    case "step.ended":
    case "turn.waiting":
    case "inputs.joined":
    case "turn.ended":
    case "state.patched":
      return reduceVersioned(before, frame);
  }
}

/** SPEC grow-1 … grow-4. */
function reduceGrowing(before: Snapshot, frame: GrowingFrame): Reduction {
  const running = before.running;
  const lastEnded = before.turns.at(-1)?.turn ?? 0;
  if (frame.turn <= lastEnded) return ignored;
  if (running === null || running.turn !== frame.turn) return gap;
  if (frame.step < running.step) return ignored;
  if (frame.step > running.step) return gap;
  if (frame.attempt < running.attempt || frame.index <= running.index) return ignored;
  if (frame.type !== "rewind" && frame.index !== running.index + 1) return gap;
  const parts = grownParts(running.parts, frame);
  if (parts === undefined) return gap;
  const { attempt, index } = frame;
  return applied({ ...before, running: { ...running, attempt, index, parts } });
}

/** The parts of the running step after the frame; undefined where it does not fit them. */
function grownParts(parts: Part[], frame: GrowingFrame): Part[] | undefined {
  switch (frame.type) {
    case "rewind":
      return frame.parts;
    case "part":
      return frame.at > parts.length ? undefined : placed(parts, frame.at, frame.part);
    case "delta": {
      const { at, begins, text } = frame;
      if (begins !== undefined) return at === parts.length ? [...parts, { type: begins, text }] : undefined;
      const before = parts[at];
      const part = before && grownPart(before, text);
      return part && placed(parts, at, part);
    }
  }
}

function placed(parts: Part[], at: number, part: Part): Part[] {
  return [...parts.slice(0, at), part, ...parts.slice(at + 1)];
}

/** SPEC frame-2. */
function reduceVersioned(before: Snapshot, frame: VersionedFrame): Reduction {
  const { version } = frame;
  if (version <= before.version) return ignored;
  if (version > before.version + 1) return gap;
  switch (frame.type) {
    case "turn.started": {
      const { agent, applied: marks } = frame;
      return applied({
        ...before,
        version,
        agent,
        running: runningTurn(frame),
        applied: boundApplied(before.applied, marks),
      });
    }
    case "state.patched": {
      const state = patched(before.state, frame.patch);
      return state === undefined ? gap : applied({ ...before, version, state });
    }
    case "turn.ended": {
      const turn = endedTurn(before.running, frame);
      const state = patched(before.state, frame.patch);
      if (turn === undefined || state === undefined) return gap;
      return applied({ ...before, version, state, turns: boundTurns([...before.turns, turn]), running: null });
    }
    case "step.ended":
    case "turn.waiting":
    case "inputs.joined": {
      const running = before.running?.turn === frame.turn ? changedTurn(before.running, frame) : undefined;
      const state = frame.type === "step.ended" ? patched(before.state, frame.patch) : before.state;
      if (running === undefined || state === undefined) return gap;
      const marks = frame.type === "inputs.joined" ? boundApplied(before.applied, frame.applied) : before.applied;
      return applied({ ...before, version, state, running, applied: marks });
    }
  }
}

/** A turn as it begins. */
export function runningTurn(frame: Pick<RunningTurn, "turn" | "origin" | "inputs" | "replaces">): RunningTurn {
  const { turn, origin, inputs, replaces } = frame;
  const begun = { turn, origin, inputs, ...(replaces !== undefined && { replaces }) };
  return { ...begun, steps: [], step: 1, attempt: 1, index: 0, parts: [], questions: [] };
}

function changedTurn(
  running: RunningTurn,
  frame: FrameOf<"step.ended" | "turn.waiting" | "inputs.joined">,
): RunningTurn | undefined {
  switch (frame.type) {
    case "turn.waiting":
      return { ...running, questions: frame.questions };
    case "inputs.joined":
      return { ...running, inputs: [...running.inputs, ...frame.inputs] };
    case "step.ended": {
      const step = endedStep(running, frame);
      if (step === undefined) return undefined;
      return { ...running, steps: [...running.steps, step], step: frame.step + 1, attempt: 1, parts: [] };
    }
  }
}

/**
 * SPEC end-1: the step with the parts that count; undefined for a reader that neither holds them nor is given them. The index alone
 * tells whether it holds them: an attempt that begins and writes nothing is the newest, and no frame tells readers so.
 */
function endedStep(
  running: RunningTurn,
  end: { step: number; attempt: number; index: number; parts?: Part[] | undefined },
): Step | undefined {
  const { step, attempt, index, parts } = end;
  if (step !== running.step) return undefined;
  if (parts !== undefined) return { step, attempt, parts };
  return index === running.index ? { step, attempt, parts: running.parts } : undefined;
}

function endedTurn(running: RunningTurn | null, frame: FrameOf<"turn.ended">): Turn | undefined {
  if (running?.turn !== frame.turn) return undefined;
  const { turn, outcome, finish, step, usage, model, error, by } = frame;
  const steps = [...running.steps];
  if (step !== undefined) {
    const last = endedStep(running, { ...frame, step });
    if (last === undefined) return undefined;
    steps.push(last);
  }
  const { origin, inputs, replaces } = running;
  return {
    turn,
    origin,
    inputs,
    ...(replaces !== undefined && { replaces }),
    steps,
    outcome,
    finish,
    ...(usage !== undefined && { usage }),
    ...(model !== undefined && { model }),
    ...(error !== undefined && { error }),
    ...(by !== undefined && { by }),
  };
}

/**
 * SPEC ack-2: the marks of the producers heard of last, as many as a session itself remembers, and shared out as it does. Who
 * comes back is another producer: a reader that stays would otherwise keep one for every visit there ever was.
 */
function boundApplied(before: Applied, marks: Applied): Applied {
  const newest = new Map(Object.entries(before));
  for (const [mark, seq] of Object.entries(marks)) {
    newest.delete(mark);
    newest.set(mark, seq);
  }
  while (newest.size > LIMITS.producers) {
    const first = crowdedOut(newest.keys());
    if (first === undefined) break;
    newest.delete(first);
  }
  return Object.fromEntries(newest);
}

/** SPEC frame-3: the state after the patch; undefined where it does not fit. */
function patched(state: JsonObject, patch: PatchOperation[]): JsonObject | undefined {
  if (patch.length === 0) return state;
  const copy = structuredClone(state);
  return applyPatch(copy, patch).every((error) => error === null) ? copy : undefined;
}
