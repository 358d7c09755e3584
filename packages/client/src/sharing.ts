import type { Json, JsonObject, RunningTurn, Snapshot, Turn } from "@holdfast/contract";
import equal from "fast-deep-equal";

/**
 * `after`, with every part that equals its counterpart in `before` replaced by that counterpart, so that an unchanged
 * part keeps its identity and need not be drawn again.
 */
export function shareObject(before: JsonObject, after: JsonObject): JsonObject {
  if (before === after) return before;
  const shared: JsonObject = {};
  let same = Object.keys(before).length === Object.keys(after).length;
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    const part = shareJson(old, value);
    // Not an assignment: `__proto__` is an ordinary member name in JSON.
    Object.defineProperty(shared, key, { value: part, enumerable: true, writable: true, configurable: true });
    if (part !== old) same = false;
  }
  return same ? before : shared;
}

function shareJson(before: Json | undefined, after: Json): Json {
  if (before === after || before === undefined || before === null || after === null) return after;
  if (Array.isArray(before) && Array.isArray(after)) return shareArray(before, after);
  if (isObject(before) && isObject(after)) return shareObject(before, after);
  return after;
}

function shareArray(before: Json[], after: Json[]): Json[] {
  const shared = after.map((value, index) => shareJson(before[index], value));
  return before.length === after.length && shared.every((part, index) => part === before[index]) ? before : shared;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same for a whole snapshot that replaces another (SPEC snap-1); turns are matched by their numbers. */
export function shareSnapshot(before: Snapshot, after: Snapshot): Snapshot {
  return {
    ...after,
    turns: shareTurns(before.turns, after.turns),
    running: after.running && shareRunningTurn(before.running, after.running),
    state: shareObject(before.state, after.state),
  };
}

/** The same for a list of turns. */
export function shareTurns(before: Turn[], after: Turn[]): Turn[] {
  const known = new Map(before.map((turn) => [turn.turn, turn]));
  const turns = after.map((turn) => shareEqual(known.get(turn.turn), turn));
  return turns.length === before.length && turns.every((turn, index) => turn === before[index]) ? before : turns;
}

/** The same for the running turn, down to its steps and parts. */
export function shareRunningTurn(before: RunningTurn | null, after: RunningTurn): RunningTurn {
  if (before?.turn !== after.turn) return after;
  if (equal(before, after)) return before;
  return {
    ...after,
    inputs: shareEqual(before.inputs, after.inputs),
    steps: shareItems(before.steps, after.steps),
    parts: shareItems(before.parts, after.parts),
    questions: shareEqual(before.questions, after.questions),
  };
}

function shareItems<T>(before: T[], after: T[]): T[] {
  const items = after.map((item, index) => shareEqual(before[index], item));
  return shareEqual(before, items);
}

function shareEqual<T>(before: T | undefined, after: T): T {
  return before !== undefined && equal(before, after) ? before : after;
}
