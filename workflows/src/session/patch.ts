import type { PatchOperation } from "@holdfast/contract/frames";
import type { Json } from "@holdfast/contract/json";
import { createPatch, type Pointer } from "rfc6902";
import type { AgentState } from "./agent-state.ts";

/** Elements of an array that are replaced one by one; where more differ the array is replaced whole. */
const REPLACED_ELEMENTS = 4;
/** Members replaced whole: rfc6902, with which readers apply a patch, takes a path that leads through one to lead past it. */
const WHOLE_MEMBERS = new Set<string | undefined>(["constructor", "prototype"]);

/**
 * SPEC frame-3: the RFC 6902 operations that turn `before` into `after`. Not always the shortest: the library's own
 * comparison of arrays costs length × length, and one that took seconds would fail the workflow task for ever.
 */
export function patchBetween(before: AgentState, after: AgentState): PatchOperation[] {
  if (before.json === after.json) return [];
  return createPatch(before.value, after.value, compare).map((operation): PatchOperation => {
    switch (operation.op) {
      case "add":
      case "replace":
        return { op: operation.op, path: operation.path, value: operation.value };
      case "remove":
        return { op: "remove", path: operation.path };
      default:
        throw new TypeError(`A comparison does not make "${operation.op}" operations.`);
    }
  });
}

type Operations = ReturnType<typeof createPatch>;

/** Undefined for what the library is to go on with. */
function compare(before: unknown, after: unknown, place: Pointer): Operations | undefined {
  if (WHOLE_MEMBERS.has(place.tokens.at(-1))) {
    const isSame = JSON.stringify(before) === JSON.stringify(after);
    return isSame ? [] : [{ op: "replace", path: place.toString(), value: after }];
  }
  return isArray(before) && isArray(after) ? compareArrays(before, after, place) : undefined;
}

function compareArrays(before: Json[], after: Json[], place: Pointer): Operations {
  const changed: number[] = [];
  for (let i = 0; i < before.length && i < after.length && changed.length <= REPLACED_ELEMENTS; i++) {
    if (JSON.stringify(before[i]) !== JSON.stringify(after[i])) changed.push(i);
  }
  if (after.length < before.length || changed.length > REPLACED_ELEMENTS) {
    return [{ op: "replace", path: place.toString(), value: after }];
  }
  return [
    ...changed.map((i) => ({ op: "replace" as const, path: place.add(String(i)).toString(), value: after[i] })),
    ...after.slice(before.length).map((value) => ({ op: "add" as const, path: place.add("-").toString(), value })),
  ];
}

function isArray(value: unknown): value is Json[] {
  return Array.isArray(value);
}
