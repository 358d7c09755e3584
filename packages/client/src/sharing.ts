import type { Json, JsonObject, Snapshot } from "@holdfast/contract";
import equal from "fast-deep-equal";

/**
 * `after`, with every part that equals its counterpart in `before` replaced by that counterpart, so that an unchanged
 * part keeps its identity and whoever shows it need not show it again.
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
  const known = new Map(before.turns.map((turn) => [turn.turn, turn]));
  const turns = after.turns.map((turn) => {
    const old = known.get(turn.turn);
    return old !== undefined && equal(old, turn) ? old : turn;
  });
  const sameTurns = turns.length === before.turns.length && turns.every((turn, index) => turn === before.turns[index]);
  return {
    ...after,
    turns: sameTurns ? before.turns : turns,
    running: equal(before.running, after.running) ? before.running : after.running,
    state: shareObject(before.state, after.state),
  };
}
