/**
 * Calls `wake` when the network is back or somebody looks at the page again: waiting before the next attempt has become
 * pointless (browsers slow the timers of hidden pages), and a connection may have died unnoticed in a sleep. Does nothing outside a browser. Returns the function that ends it.
 */
export function onWakeUp(wake: () => void): () => void {
  if (typeof globalThis.addEventListener !== "function" || typeof document === "undefined") return () => undefined;
  const visible = (): void => {
    if (document.visibilityState === "visible") wake();
  };
  globalThis.addEventListener("online", wake);
  document.addEventListener("visibilitychange", visible);
  return () => {
    globalThis.removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", visible);
  };
}
