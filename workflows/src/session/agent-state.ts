import type { JsonObject } from "@holdfast/contract/json";
import { LIMITS } from "@holdfast/contract/limits";
import { encodedBytes } from "./encoded-bytes.ts";

/**
 * An agent's state with its JSON text. The text is the truth: agents are handed copies decoded from it, so nothing an
 * agent keeps hold of can change what the session publishes.
 */
export interface AgentState {
  readonly json: string;
  readonly value: JsonObject;
}

/** SPEC turn-5 `state_too_large`: the state an agent made is over LIMITS.stateBytes. */
export class StateTooLargeError extends Error {
  override name = "StateTooLargeError";
}

/**
 * SPEC frame-3. What encoding and decoding drop (undefined members, class instances) is dropped here, before anything depends
 * on it; so are members called `__proto__`, which no patch could bring to a reader.
 */
export function agentState(value: JsonObject): AgentState {
  const json = encoded(value);
  if (json === undefined || !json.startsWith("{")) throw new TypeError("An agent's state must be a JSON object.");
  const bytes = encodedBytes(json);
  if (bytes > LIMITS.stateBytes) {
    throw new StateTooLargeError(`The agent's state would take ${bytes} bytes; ${LIMITS.stateBytes} are allowed.`);
  }
  return { json, value: JSON.parse(json) };
}

function encoded(value: JsonObject): string | undefined {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined || !json.includes('"__proto__":')) return json;
  return JSON.stringify(JSON.parse(json, (name, member: unknown) => (name === "__proto__" ? undefined : member)));
}

/** The same object when nothing changed, so that identity tells whether there is anything to publish. */
export function withValue(before: AgentState, value: JsonObject): AgentState {
  const after = agentState(value);
  return after.json === before.json ? before : after;
}
