import type { PatchOperation } from "@holdfast/contract/frames";
import type { Json } from "@holdfast/contract/json";
import { createPatch } from "rfc6902";
import type { AgentState } from "./agent-state.ts";

/** Longest array that is compared element by element: the comparison costs length × length. */
const COMPARED_ARRAY = 32;
/** Values a comparison may visit on either side. */
const COMPARED_VALUES = 512;

/**
 * SPEC frame-3: the RFC 6902 operations that turn `before` into `after`. Members small enough to compare are patched in
 * place; larger ones are replaced whole, because a comparison that took seconds would fail the workflow task for ever.
 */
export function patchBetween(before: AgentState, after: AgentState): PatchOperation[] {
  if (before.json === after.json) return [];
  const operations: PatchOperation[] = [];
  for (const key of Object.keys(before.value)) {
    if (!Object.hasOwn(after.value, key)) operations.push({ op: "remove", path: pointer(key) });
  }
  for (const [key, value] of Object.entries(after.value)) {
    const path = pointer(key);
    const old = Object.hasOwn(before.value, key) ? before.value[key] : undefined;
    if (old === undefined) operations.push({ op: "add", path, value });
    else operations.push(...memberPatch(path, old, value));
  }
  return operations;
}

function memberPatch(path: string, before: Json, after: Json): PatchOperation[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!comparable(before) || !comparable(after)) return [{ op: "replace", path, value: after }];
  return createPatch(before, after).flatMap((operation): PatchOperation[] => {
    const target = path + operation.path;
    switch (operation.op) {
      case "add":
      case "replace":
        return [{ op: operation.op, path: target, value: operation.value }];
      case "remove":
        return [{ op: "remove", path: target }];
      default:
        throw new TypeError(`A comparison does not make "${operation.op}" operations.`);
    }
  });
}

function comparable(value: Json): boolean {
  let visited = 0;
  const pending: Json[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (++visited > COMPARED_VALUES) return false;
    if (next === null || typeof next !== "object") continue;
    const members = Array.isArray(next) ? next : Object.values(next);
    if (Array.isArray(next) && next.length > COMPARED_ARRAY) return false;
    if (members.length > COMPARED_VALUES) return false;
    pending.push(...members);
  }
  return true;
}

/** RFC 6901. */
function pointer(key: string): string {
  return `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
