import type { Snapshot } from "@holdfast/contract";
import { Backoff, Pause } from "./backoff.ts";
import { edgeError, isRetryable, type HoldfastError } from "./errors.ts";
import type { Bounds } from "./options.ts";
import { Reader, type FrameOutcome, type ReceivedFrame } from "./reader.ts";
import type { Transcript } from "./transcript.ts";
import type { Wire } from "./wire.ts";

/**
 * Whether a session's frames come.
 * - `idle`: nobody has asked for them. `opening`: asked; what `get()` shows is from before, or nothing yet.
 * - `refused`: the edge does not open this session to this token; tried again on every new connection.
 */
export type DeliveryState =
  | { readonly state: "idle" }
  | { readonly state: "opening" }
  | { readonly state: "live" }
  | { readonly state: "refused"; readonly error: HoldfastError }
  | { readonly state: "closed" };

export interface DeliveryOptions {
  session: string;
  agent: string | undefined;
  bounds: Bounds;
  random: () => number;
}

/** What delivery needs of a connection. */
export type DeliveryWire = Pick<Wire, "open" | "closeSession">;

export interface DeliveryDeps {
  changed(): void;
  /** The session is open on the connection attached last: `send` and `command` may begin. */
  opened(): void;
  /** The edge will not open it. */
  refused(error: HoldfastError): void;
}

/** Keeps one session open on whatever connection there is, and gives its frames to its reader. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #deps: DeliveryDeps;
  readonly #reader = new Reader();
  readonly #retries: Backoff;
  readonly #stalls: Backoff;
  readonly #pause = new Pause();
  #state: DeliveryState = { state: "idle" };
  #wire: DeliveryWire | undefined;
  #opening = false;
  /** `reopen` was called while an `open` is under way, whose answer may have been on its way already. */
  #again = false;
  /** Counts calls of `attach`: an `open` of an earlier one, even on the same connection, may have been undone by a `close`. */
  #attachment = 0;
  #lastStall = 0;

  constructor(options: DeliveryOptions, deps: DeliveryDeps) {
    this.#options = options;
    this.#deps = deps;
    const { backoffBaseMs, backoffMaxMs } = options.bounds;
    const backoff = { baseMs: backoffBaseMs, maxMs: backoffMaxMs, random: options.random };
    this.#retries = new Backoff(backoff);
    this.#stalls = new Backoff(backoff);
  }

  get state(): DeliveryState {
    return this.#state;
  }

  get snapshot(): Snapshot | undefined {
    return this.#reader.snapshot;
  }

  get transcript(): Transcript {
    return this.#reader.transcript;
  }

  /** Frames are wanted; they come as soon as `attach` gives a connection. */
  want(): void {
    if (this.#state.state === "idle") this.#enter({ state: "opening" });
  }

  /** A connection lives: open there. */
  attach(wire: DeliveryWire): void {
    if (this.#wire === wire || this.#state.state === "closed") return;
    this.#wire = wire;
    this.#attachment++;
    this.#retries.reset();
    this.#enter({ state: "opening" });
    this.reopen();
  }

  detach(): void {
    this.#wire = undefined;
    this.#pause.wake();
    if (this.#state.state === "live") this.#enter({ state: "opening" });
  }

  /** Ends delivery on the connection there is. `idle`: it may be wanted again; `closed`: never. */
  end(as: "idle" | "closed"): void {
    const wire = this.#wire;
    this.#wire = undefined;
    this.#pause.wake();
    // The answer does not matter: the next `open`, or the connection's end, overrides this `close` (SPEC open-4, open-5).
    if (wire !== undefined) void wire.closeSession({ session: this.#options.session });
    this.#enter({ state: as });
  }

  /** Opens again from where the reader is: now, or after the `open` under way. */
  reopen(delayMs = 0): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    if (this.#opening) {
      this.#again = true;
      return;
    }
    this.#opening = true;
    this.#again = false;
    if (this.#state.state === "live") this.#enter({ state: "opening" });
    void this.#open(wire, delayMs);
  }

  read(received: ReceivedFrame): FrameOutcome {
    if (this.#wire === undefined) return "dropped";
    const outcome = this.#reader.read(received);
    if (outcome === "broken" || outcome === "gap") this.reopen(this.#opening ? 0 : this.#stallDelay());
    if (received.kind === "snapshot") this.#liveIfSettled();
    return outcome;
  }

  /** Asks until the edge gives an answer that stands, or the connection is another one. */
  async #open(wire: DeliveryWire, firstDelayMs: number): Promise<void> {
    const attachment = this.#attachment;
    const current = (): boolean => this.#wire === wire && this.#attachment === attachment;
    let delayMs: number | undefined = firstDelayMs;
    while (delayMs !== undefined) {
      if (delayMs > 0) await this.#pause.wait(delayMs);
      if (!current()) break;
      delayMs = await this.#ask(wire, current);
    }
    this.#opening = false;
    // The session was attached anew, or found not to be open, while this `open` still waited for its answer.
    if (this.#attachment !== attachment || this.#again) this.reopen();
    else this.#liveIfSettled();
  }

  /** One `open`. Returns the milliseconds to wait before the next, undefined when there need not be one. */
  async #ask(wire: DeliveryWire, current: () => boolean): Promise<number | undefined> {
    const { session, agent } = this.#options;
    const reply = await wire.open({ session, ...(agent !== undefined && { agent }), ...this.#reader.begin() });
    if (!current()) return undefined;
    switch (reply.outcome) {
      case "lost":
        return undefined;
      case "timeout":
        return this.#retries.next();
      case "answered":
        if (reply.answer.ok) {
          this.#retries.reset();
          this.#again = false;
          this.#deps.opened();
          return this.#reader.begun(reply.answer.resumed) === "again" ? this.#stallDelay() : undefined;
        }
        if (isRetryable(reply.answer.error)) return this.#retries.next(reply.answer.error.retryAfterMs);
        this.refuse(edgeError(reply.answer.error));
        return undefined;
    }
  }

  /**
   * The first reopening after a quiet time is at once, the next ones back off: an edge that always breaks the chain must
   * not be asked in a tight loop by all of its clients.
   */
  #stallDelay(): number {
    const now = Date.now();
    if (now - this.#lastStall > 2 * this.#options.bounds.backoffMaxMs) this.#stalls.reset();
    this.#lastStall = now;
    const first = this.#stalls.attempt === 0;
    const delayMs = this.#stalls.next();
    return first ? 0 : delayMs;
  }

  /** The edge takes nothing for this session and this token. */
  refuse(error: HoldfastError): void {
    this.#enter({ state: "refused", error });
    this.#deps.refused(error);
  }

  #liveIfSettled(): void {
    const settled = this.#wire !== undefined && !this.#opening && this.#reader.settled;
    if (settled && this.#state.state === "opening") this.#enter({ state: "live" });
  }

  #enter(state: DeliveryState): void {
    if (this.#state.state === "closed" || (state.state === this.#state.state && state.state !== "refused")) return;
    this.#state = state;
    this.#deps.changed();
  }
}
