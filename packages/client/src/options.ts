import type { OutboxStorage } from "./storage.ts";
import type { TokenSource } from "./token.ts";

/** Every delay and bound of the client. Milliseconds unless named otherwise. */
export const DEFAULT_BOUNDS = {
  /** Reconnection and retries: full jitter below base · 2ⁿ, at most max. */
  backoffBaseMs: 500,
  backoffMaxMs: 30_000,
  /** A connection that lived this long "lasted" (SPEC connect-6): the next back-off begins from the shortest delay. */
  lastedMs: 10_000,
  /** For each of: the token, and the connection up to Socket.IO's CONNECT. */
  connectTimeoutMs: 10_000,
  /** After this a request without an answer is repeated (SPEC req-3). */
  requestTimeoutMs: 15_000,
  /** After the page has woken up, a connection that answers nothing within this is ended. */
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
export type Bounds = typeof DEFAULT_BOUNDS;

export interface ConnectOptions {
  /**
   * The edge, or several alike: the first one is chosen at random, the next one whenever a connection ends. `http:`,
   * `https:`, `ws:` or `wss:`; only the origin counts (SPEC connect-1); in a browser relative to the page.
   */
  url: string | readonly string[];
  /** Gives the JWT of SPEC connect-2; see `TokenSource`. */
  token: TokenSource;
  /** Name and version of the application, for the edge's log; at most 100 characters. */
  client?: string;
  /** Where to keep what is not durable yet; memory that ends with the client if left out. */
  storage?: OutboxStorage;
  /** Delays and bounds other than the defaults. */
  bounds?: Partial<Bounds>;
  /** Source of jitter, uniform in [0, 1). */
  random?: () => number;
}

export interface ResolvedOptions {
  urls: readonly [string, ...string[]];
  token: TokenSource;
  client: string | undefined;
  storage: OutboxStorage | undefined;
  bounds: Bounds;
  random: () => number;
}

const SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "ws:", "wss:"]);

/** Throws a `TypeError` for what a programmer has to correct. */
export function resolveOptions(options: ConnectOptions): ResolvedOptions {
  const [first, ...others] = (typeof options.url === "string" ? [options.url] : options.url).map(originOf);
  if (first === undefined) throw new TypeError("connect: `url` names no edge");
  return {
    urls: [first, ...others],
    token: options.token,
    client: options.client?.slice(0, 100),
    storage: options.storage,
    bounds: { ...DEFAULT_BOUNDS, ...options.bounds },
    random: options.random ?? Math.random,
  };
}

function originOf(text: string): string {
  const base = typeof location === "undefined" ? undefined : location.href;
  if (!URL.canParse(text, base)) throw new TypeError(`connect: \`${text}\` is not a URL`);
  const url = new URL(text, base);
  if (!SCHEMES.has(url.protocol)) throw new TypeError(`connect: \`${text}\` is neither HTTP nor WebSocket`);
  return url.origin;
}
