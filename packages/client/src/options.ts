import type { OutboxStorage } from "./outbox-storage.ts";
import type { TokenSource } from "./token.ts";
import { DEFAULT_TUNING, type Tuning } from "./tuning.ts";

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
  tuning?: Partial<Tuning>;
  /** Source of jitter, uniform in [0, 1). */
  random?: () => number;
}

export interface ResolvedOptions {
  urls: readonly [string, ...string[]];
  token: TokenSource;
  client: string | undefined;
  storage: OutboxStorage | undefined;
  tuning: Tuning;
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
    tuning: { ...DEFAULT_TUNING, ...options.tuning },
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
