import type { PatchOperation } from "@holdfast/contract/frames";
import type { Json } from "@holdfast/contract/json";
import { createPatch, type Pointer } from "rfc6902";
import type { AgentState } from "./agent-state.ts";

/** Elements of an array that are replaced one by one; where more differ the array is replaced whole. */
const REPLACED_ELEMENTS = 4;

/**
 * SPEC frame-3: the RFC 6902 operations that turn `before` into `after`. Not always the shortest: the library's own
 * comparison of arrays costs length × length, and one that took seconds would fail the workflow task for ever.
 */
export function patchBetween(before: AgentState, after: AgentState): PatchOperation[] {
  if (before.json === after.json) return [];
  return createPatch(before.value, after.value, compareArrays).map((operation): PatchOperation => {
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

/** Undefined for what is not a pair of arrays: the library goes on with it. */
function compareArrays(before: unknown, after: unknown, place: Pointer): ReturnType<typeof createPatch> | undefined {
  if (!isArray(before) || !isArray(after)) return undefined;
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
