import type { PatchOperation } from "@holdfast/contract/frames";
import type { Json, JsonObject } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import { createPatch, type Pointer } from "rfc6902";

const encoder = new TextEncoder();

/**
 * An agent's state with its JSON text. Agents are handed copies decoded from the text, so nothing an agent keeps hold of can
 * change what the session publishes.
 */
export interface AgentState {
  readonly json: string;
  readonly value: JsonObject;
}

/** What an agent makes a state of: a member that is undefined is none. */
type Members = { readonly [name: string]: Json | undefined };

/** SPEC turn-5 `state_too_large`: the state an agent made is over LIMITS.stateBytes. */
export class StateTooLargeError extends Error {
  override name = "StateTooLargeError";
}

/**
 * SPEC frame-3. What encoding and decoding drop (undefined members, class instances) is dropped here, before anything depends
 * on it; so are members called `__proto__`, which no patch could bring to a reader.
 */
export function agentState(value: Members): AgentState {
  const json = encoded(value);
  if (json === undefined || !json.startsWith("{")) throw new TypeError("An agent's state must be a JSON object.");
  const bytes = encodedBytes(json);
  if (bytes > LIMITS.stateBytes) {
    throw new StateTooLargeError(`The agent's state would take ${bytes} bytes; ${LIMITS.stateBytes} are allowed.`);
  }
  return { json, value: JSON.parse(json) };
}

function encoded(value: Members): string | undefined {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined || !json.includes('"__proto__":')) return json;
  return JSON.stringify(JSON.parse(json, (name, member: unknown) => (name === "__proto__" ? undefined : member)));
}

/** The same object when nothing changed, so that identity tells whether there is anything to publish. */
export function withValue(before: AgentState, value: Members): AgentState {
  const after = agentState(value);
  return after.json === before.json ? before : after;
}

/** For an agent, to do with it as it likes. */
export function copyOf({ json }: AgentState): JsonObject {
  return JSON.parse(json);
}

/** UTF-8 bytes of a text: what Temporal's payload limits and LIMITS count. */
export function encodedBytes(text: string): number {
  return encoder.encode(text).byteLength;
}

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
