import type { Announcement, WireError } from "@holdfast/contract";
import { Backoff, Pause } from "./backoff.ts";
import { clientError, edgeError, isRetryable, type HoldfastError } from "./errors.ts";
import type { ReceivedFrame } from "./reader.ts";
import type { ResolvedOptions } from "./options.ts";
import { fetchToken, renewToken } from "./token.ts";
import { Wire, type WireEnd } from "./wire.ts";

/**
 * The client's connection, for people to see.
 * - `idle`: nothing has been asked of it yet.
 * - `waiting`: the next attempt begins `delayMs` after the state was entered, or when the network comes back.
 * - `refused`: the edge refuses for a reason that repeating does not change; `client.start()` tries again.
 */
export type ConnectionState =
  | { readonly state: "idle" }
  | { readonly state: "connecting"; readonly url: string; readonly attempt: number }
  | { readonly state: "connected"; readonly url: string; readonly node: string | undefined }
  | { readonly state: "waiting"; readonly delayMs: number; readonly error: HoldfastError }
  | { readonly state: "refused"; readonly error: HoldfastError }
  | { readonly state: "closed" };

export type ConnectionOptions = Pick<ResolvedOptions, "urls" | "token" | "client" | "bounds" | "random">;

/** Hears what becomes of the connection, and what comes over it. */
export interface ConnectionDeps {
  state(state: ConnectionState): void;
  connected(wire: Wire): void;
  disconnected(): void;
  frames(session: string, frames: ReceivedFrame[]): void;
  degraded(degraded: boolean): void;
  announcement(announcement: Announcement): void;
  /** Something is wrong that the client goes on without. */
  problem(error: HoldfastError): void;
}

/** A token the edge did not accept. Sending that one again is forbidden (SPEC connect-3). */
interface Refusal {
  token: string;
  error: WireError;
}

type Ending = { kind: "again"; error: HoldfastError } | { kind: "final"; error: HoldfastError };

/** Codes that say "get a new token, connect again" (SPEC §12). */
const TOKEN_CODES: ReadonlySet<string> = new Set(["unauthenticated", "token_expired"]);

/**
 * Keeps one connection to one of several edges: makes it, renews its token, makes it again at the next edge when it ends
 * (SPEC connect-6). Socket.IO's own reconnection is off; see `Backoff` for why.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #deps: ConnectionDeps;
  readonly #backoff: Backoff;
  readonly #pause = new Pause();
  #state: ConnectionState = { state: "idle" };
  #endpoint: number;
  #refusal: Refusal | undefined;
  #wire: Wire | undefined;
  #running = false;
  #closed = false;

  constructor(options: ConnectionOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    const { backoffBaseMs, backoffMaxMs } = options.bounds;
    this.#backoff = new Backoff({ baseMs: backoffBaseMs, maxMs: backoffMaxMs, random: options.random });
    // A random first edge, so that clients which all carry the same list are shared out evenly.
    this.#endpoint = Math.floor(options.random() * options.urls.length);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The connection, while there is one that CONNECT succeeded on. */
  get wire(): Wire | undefined {
    return this.#state.state === "connected" ? this.#wire : undefined;
  }

  /** Connects unless it already does; leaves `refused`. */
  start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#run();
  }

  /** The network is back, or somebody looks at the page again: wait no longer, and see whether the connection still lives. */
  wake(): void {
    this.#pause.wake();
    void this.wire?.probe(this.#options.bounds.probeTimeoutMs);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wire?.close();
    this.#pause.wake();
    this.#enter({ state: "closed" });
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const ending = await this.#attempt();
      if (this.#closed) break;
      if (ending.kind === "final") {
        this.#running = false;
        this.#enter({ state: "refused", error: ending.error });
        return;
      }
      this.#endpoint = (this.#endpoint + 1) % this.#options.urls.length;
      const delayMs = this.#backoff.next(ending.error.retryAfterMs);
      this.#enter({ state: "waiting", delayMs, error: ending.error });
      await this.#pause.wait(delayMs);
    }
    this.#running = false;
  }

  /** One connection, from fetching its token to its end. */
  async #attempt(): Promise<Ending> {
    const url = this.#options.urls[this.#endpoint] ?? this.#options.urls[0];
    const { connectTimeoutMs, lastedMs } = this.#options.bounds;
    const refusal = this.#refusal;
    this.#enter({ state: "connecting", url, attempt: this.#backoff.attempt + 1 });
    const request = { refused: refusal && edgeError(refusal.error) };
    const fetched = await fetchToken(this.#options.token, request, connectTimeoutMs);
    if (this.#closed) return { kind: "final", error: clientError("closed") };
    if (fetched.outcome === "failed") {
      return { kind: "again", error: clientError("token_unavailable", String(fetched.cause), fetched.cause) };
    }
    if (fetched.token === refusal?.token) return { kind: "final", error: edgeError(refusal.error) };

    const held = { token: fetched.token };
    const began = Date.now();
    const end = await this.#hold(url, held);
    if (end.kind === "closed" && Date.now() - began >= lastedMs) this.#backoff.reset();
    return this.#endingOf(end, held.token, refusal !== undefined);
  }

  #endingOf(end: WireEnd, token: string, refusedBefore: boolean): Ending {
    if (end.kind === "unreachable") return { kind: "again", error: clientError("connection_failed", end.detail) };
    const refused = end.kind === "refused";
    const error = refused ? end.error : end.closing;
    if (error === undefined) return { kind: "again", error: clientError("connection_lost") };
    if (isRetryable(error)) return { kind: "again", error: edgeError(error) };
    const tokenIsWhy = TOKEN_CODES.has(error.code);
    if (refused || tokenIsWhy) this.#refusal = { token, error };
    // One refused token may just have been an old one. Two different tokens refused in a row are a reason to stop.
    const kind = tokenIsWhy && !(refused && refusedBefore) ? "again" : "final";
    return { kind, error: edgeError(error) };
  }

  /** Resolves when the connection is no more. `held.token` follows renewals. */
  async #hold(url: string, held: { token: string }): Promise<WireEnd> {
    const { client, bounds } = this.#options;
    const { connectTimeoutMs, requestTimeoutMs } = bounds;
    const deps = this.#deps;
    const end = await new Promise<WireEnd>((ended) => {
      const wire = new Wire(
        { url, token: held.token, client, connectTimeoutMs, requestTimeoutMs },
        {
          connected: () => {
            this.#refusal = undefined;
            this.#enter({ state: "connected", url, node: undefined });
            deps.connected(wire);
          },
          welcome: (welcome) => {
            if (this.#wire === wire) this.#enter({ state: "connected", url, node: welcome.node });
          },
          expiring: () => void this.#renew(wire, held),
          frames: (session, frames) => deps.frames(session, frames),
          degraded: (degraded) => deps.degraded(degraded),
          announcement: (announcement) => deps.announcement(announcement),
          malformed: (event, issue) => deps.problem(clientError("bad_answer", `${event}: ${issue}`)),
          ended,
        },
      );
      this.#wire = wire;
    });
    this.#wire = undefined;
    deps.disconnected();
    return end;
  }

  async #renew(wire: Wire, held: { token: string }): Promise<void> {
    const { token, bounds, random } = this.#options;
    const backoff = new Backoff({ baseMs: bounds.backoffBaseMs, maxMs: bounds.backoffMaxMs, random });
    const renewed = await renewToken({ wire, source: token, timeoutMs: bounds.connectTimeoutMs, backoff });
    if (renewed.outcome === "renewed") held.token = renewed.token;
    // That is not the end yet: at expiry the edge closes, and the next connection asks for a token again.
    if (renewed.outcome === "refused") this.#deps.problem(edgeError(renewed.error));
  }

  #enter(state: ConnectionState): void {
    if (this.#state.state === "closed") return;
    this.#state = state;
    this.#deps.state(state);
  }
}
