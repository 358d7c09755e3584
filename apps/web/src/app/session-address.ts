import { isName } from "./identity.ts";

/** The open session stands in the address (`#/name`), so that reload, history and links lead back to it. */
export function currentSession(fallback: string): string {
  const name = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  return isName(name) ? name : fallback;
}

export function goToSession(name: string): void {
  location.hash = `/${encodeURIComponent(name)}`;
}

export function onSessionAddress(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}
