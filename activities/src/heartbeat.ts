/**
 * Heartbeats until the returned function is called. Heartbeats tell Temporal that the worker lives and bring cancellations
 * back. The first one is not sent at once: most turns end before it and so cost none. The SDK throttles them as
 * the worker is set to (apps/inference: one per half of a turn's timeout; unset, 0.8 of it). `timeoutMs` undefined: the
 * activity has no heartbeat timeout and must not heartbeat.
 */
export function keepHeartbeating(heartbeat: () => void, timeoutMs: number | undefined): () => void {
  if (timeoutMs === undefined || timeoutMs <= 0) return () => {};
  const timer = setInterval(heartbeat, Math.max(100, timeoutMs / 4));
  return () => clearInterval(timer);
}
