/**
 * Calls `wake` when waiting before the next attempt has become pointless: the network is back, or somebody looks at the
 * page again (browsers slow the timers of hidden pages). Does nothing outside a browser. Returns the function that ends it.
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
