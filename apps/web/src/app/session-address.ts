import { NAME_PATTERN } from "@holdfast/contract";

/** What the address asks for: `#/name`, `#/name?agent=echo`, or nothing: the page of all conversations. */
export type Place =
  | { at: "start" }
  | { at: "session"; name: string; agent: string | undefined }
  /** There is something, but it names no conversation. */
  | { at: "nowhere" };

export const START_ADDRESS = "#/";

/** Reads an address's fragment, which anybody may have written. */
export function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const agent = new URLSearchParams(query).get("agent") ?? undefined;
  if (path === "") return { at: "start" };
  const name = decoded(path);
  if (name === undefined || !NAME_PATTERN.test(name)) return { at: "nowhere" };
  if (agent !== undefined && !NAME_PATTERN.test(agent)) return { at: "nowhere" };
  return { at: "session", name, agent };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function addressOf(name: string, agent: string | undefined): string {
  return `#/${encodeURIComponent(name)}${agent === undefined ? "" : `?agent=${encodeURIComponent(agent)}`}`;
}

export function goTo(address: string): void {
  location.hash = address;
}

/** Goes there without leaving where one was in the history: Back does not come here again. */
export function goInstead(address: string): void {
  location.replace(address);
}

/** A string, which is the same while the address is: what `useSyncExternalStore` wants. */
export function currentAddress(): string {
  return location.hash;
}

export function onSessionAddress(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}
