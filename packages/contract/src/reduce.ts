import { applyPatch } from "rfc6902";
import type { Frame, PatchOperation } from "./frames.ts";
import type { JsonObject } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { crowdedOut } from "./marks.ts";
import type { Applied, Snapshot, Turn, TurnOutcome } from "./snapshot.ts";

/**
 * `applied`: `snapshot` is the new state. `ignored`: already known, or partial output of a superseded attempt.
 * `gap`: something before this frame is missing; the reader must open the session again without a cursor.
 */
export type Reduction = { outcome: "applied"; snapshot: Snapshot } | { outcome: "ignored" } | { outcome: "gap" };

const ignored: Reduction = { outcome: "ignored" };
const gap: Reduction = { outcome: "gap" };
const applied = (snapshot: Snapshot): Reduction => ({ outcome: "applied", snapshot });

const OUTCOMES: Record<"turn.completed" | "turn.interrupted" | "turn.failed", TurnOutcome> = {
  "turn.completed": "completed",
  "turn.interrupted": "interrupted",
  "turn.failed": "failed",
};

/**
 * SPEC frame-1 … frame-6: what one frame does to what a reader holds. Pure: `before` is not changed.
 * Does not check the chain (`prev`): that is the reader's business, since a snapshot restarts it.
 */
export function reduceFrame(before: Snapshot, frame: Frame): Reduction {
  switch (frame.type) {
    case "snapshot":
      return applied(frame.snapshot);
    case "delta":
    case "rewind":
      return reduceText(before, frame);
    case "turn.started":
    case "turn.completed":
    case "turn.interrupted":
    case "turn.failed":
    case "state.patched":
      if (frame.version <= before.version) return ignored;
      if (frame.version > before.version + 1) return gap;
      return applied(reduceVersioned(before, frame));
  }
}

function reduceText(before: Snapshot, frame: Extract<Frame, { type: "delta" | "rewind" }>): Reduction {
  const running = before.running;
  const lastEnded = before.turns.at(-1)?.turn ?? 0;
  if (frame.turn <= lastEnded) return ignored;
  if (running === null || running.turn !== frame.turn) return gap;
  if (frame.step < running.step) return ignored;
  if (frame.step === running.step && frame.attempt < running.attempt) return ignored;
  if (frame.index <= running.index) return ignored;
  if (frame.type === "delta" && frame.index !== running.index + 1) return gap;
  const text = frame.type === "rewind" ? frame.text : running.text + frame.text;
  const { step, attempt, index } = frame;
  return applied({ ...before, running: { ...running, step, attempt, index, text } });
}

type VersionedFrame = Exclude<Frame, { type: "snapshot" | "delta" | "rewind" }>;

function reduceVersioned(before: Snapshot, frame: VersionedFrame): Snapshot {
  const version = frame.version;
  switch (frame.type) {
    case "turn.started": {
      const { turn, inputs, agent } = frame;
      const running = { turn, inputs, step: 1, attempt: 1, index: 0, text: "" };
      return { ...before, version, agent, running, applied: boundApplied(before.applied, frame.applied) };
    }
    case "state.patched":
      return { ...before, version, state: patched(before.state, frame.patch) };
    default: {
      const inputs = before.running?.turn === frame.turn ? before.running.inputs : [];
      const { text, finish } = frame;
      const turn: Turn = { turn: frame.turn, inputs, outcome: OUTCOMES[frame.type], text, finish };
      if (frame.type === "turn.failed") turn.error = frame.error;
      if (frame.type === "turn.interrupted" && frame.by !== undefined) turn.by = frame.by;
      const turns = boundTurns([...before.turns, turn]);
      return { ...before, version, running: null, turns, state: patched(before.state, frame.patch) };
    }
  }
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

function patched(state: JsonObject, patch: PatchOperation[]): JsonObject {
  if (patch.length === 0) return state;
  const copy = structuredClone(state);
  for (const error of applyPatch(copy, patch)) if (error !== null) throw error;
  return copy;
}

/**
 * The committed turns a session keeps: the newest, bounded by count and by bytes of text. The workflow and every
 * reader apply this same rule, so they agree on what a snapshot holds.
 */
export function boundTurns(turns: Turn[]): Turn[] {
  let bytes = 0;
  let first = turns.length;
  while (first > 0 && turns.length - first < LIMITS.snapshotTurns) {
    const turn = turns[first - 1];
    if (turn === undefined) break;
    bytes += turnTextLength(turn);
    if (bytes > LIMITS.snapshotTextBytes && first < turns.length) break;
    first--;
  }
  return first === 0 ? turns : turns.slice(first);
}

function turnTextLength(turn: Turn): number {
  return turn.inputs.reduce((sum, input) => sum + input.text.length, turn.text.length);
}
