/**
 * How much a turn and a snapshot hold, and what is left out of them. Without the schemas, so that workflow code may import it.
 */
import { LIMITS } from "./limits.ts";
import type { Part } from "./parts.ts";
import type { Turn } from "./turn.ts";

/** The text of these parts that is an answer: neither reasoning nor what tools said. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** How much of LIMITS a part takes: UTF-16 code units of its text, or of its encoding where it is no text. */
export function partLength(part: Part): number {
  return part.type === "text" || part.type === "reasoning" ? part.text.length : JSON.stringify(part).length;
}

/** SPEC snap-5: what is left of a part in a turn that is no longer among the newest. The same object where that is all of it. */
export function shrunkPart(part: Part): Part {
  switch (part.type) {
    case "tool": {
      const { type, call, name, state, blob } = part;
      const isShrunk = Object.keys(part).every((member) => ["type", "call", "name", "state", "blob"].includes(member));
      return isShrunk ? part : { type, call, name, state, ...(blob !== undefined && { blob }) };
    }
    case "reasoning":
      return part.text === "" ? part : { type: part.type, text: "" };
    case "data":
      return part.value === null ? part : { ...part, value: null };
    case "child":
      return part.text === "" ? part : { ...part, text: "" };
    case "text":
    case "source":
    case "file":
      return part;
  }
}

/** How much of LIMITS.snapshotLength a turn takes, in UTF-16 code units. */
export function turnLength(turn: Turn): number {
  let length = 0;
  for (const { text, data, files } of turn.inputs) {
    length += text.length;
    if (data !== undefined) length += JSON.stringify(data).length;
    if (files !== undefined) length += JSON.stringify(files).length;
  }
  for (const { parts } of turn.steps) for (const part of parts) length += partLength(part);
  return length;
}

/** SPEC snap-5. The same object where nothing is to be left out. */
export function shrunkTurn(turn: Turn): Turn {
  let isSame = true;
  const steps = turn.steps.map((step) => {
    const parts = step.parts.map(shrunkPart);
    if (parts.every((part, i) => part === step.parts[i])) return step;
    isSame = false;
    return { ...step, parts };
  });
  return isSame ? turn : { ...turn, steps };
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
