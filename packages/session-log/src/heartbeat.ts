import type { Redis } from "ioredis";

const HEARTBEAT_MS = 5_000;

/**
 * Asks a connection that only listens for a sign of life, for as long as there is one: that it hangs, or leads nowhere, would
 * never show. Without an answer the connection's `socketTimeout`, which runs only while something was asked, ends it.
 */
export function heartbeat(connection: Redis): void {
  let timer: NodeJS.Timeout | undefined;
  const beat = (): void => {
    clearInterval(timer);
    timer = setInterval(() => void connection.ping().catch(() => {}), HEARTBEAT_MS).unref();
  };
  if (connection.status === "ready") beat();
  connection.on("ready", beat);
  connection.on("close", () => clearInterval(timer));
}
