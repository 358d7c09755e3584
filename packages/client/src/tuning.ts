/** Every delay and bound of the client. Milliseconds unless named otherwise. */
export const DEFAULT_TUNING = {
  /** Reconnection and retries: full jitter below base · 2ⁿ, at most max. */
  backoffBaseMs: 500,
  backoffMaxMs: 30_000,
  /** A connection that lived this long "lasted" (SPEC connect-6): the next back-off begins from the shortest delay. */
  lastedMs: 10_000,
  /** For each of: the token, and the connection up to Socket.IO's CONNECT. */
  connectTimeoutMs: 10_000,
  /** After this a request without an answer is repeated (SPEC req-3). */
  requestTimeoutMs: 15_000,
  /** After waking up, a connection that answers nothing within this is ended. */
  probeTimeoutMs: 5_000,
  /** `send` requests of one producer in flight. */
  sendsInFlight: 8,
  /** Bytes of events in one `send`; well below `packetBytes`, so that one packet does not hold up the others. */
  sendBytes: 256 * 1024,
  /** What one session's outbox holds before it refuses with `outbox_full`. */
  outboxEvents: 10_000,
  outboxBytes: 16 * 1024 * 1024,
  /** A lazy session nobody watches any more stays open this long, so that a page change does not reopen it. */
  lingerMs: 5_000,
  /**
   * How often events of closed tabs are looked for: one small read. After a reload the browser frees the old page's claim a
   * little later than the new page first asks for it.
   */
  adoptEveryMs: 2_000,
};
export type Tuning = typeof DEFAULT_TUNING;
