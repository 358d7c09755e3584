import { LIMITS, type Json, type JsonObject } from "@holdfast/contract";
import { Backoff, Pause } from "./backoff.ts";
import { clientError, edgeError, isRetryable, type HoldfastError } from "./errors.ts";
import type { Bounds } from "./options.ts";
import type { HistoryPage } from "./transcript.ts";
import { randomId, type Answer, type Reply, type Wire } from "./wire.ts";

export interface CommandOptions {
  /** Stops repeating the command and rejects with `aborted`. It may have been, or still be, carried out. */
  signal?: AbortSignal;
  /** SPEC command-1: a repeat with the same id gets the first answer. Left out, a random one. */
  id?: string;
  /** SPEC trace-1: the W3C trace the command belongs to. */
  traceparent?: string;
}

export interface RequestsOptions {
  session: string;
  bounds: Bounds;
  random: () => number;
}

export interface RequestsDeps {
  /** The session is not open on this connection after all. */
  notOpen(): void;
}

/**
 * What is asked of a session and is not a durable event: commands, and older turns. Each request is repeated until it has an
 * answer, a command under its id (SPEC command-3, req-3).
 */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #deps: RequestsDeps;
  readonly #running = new Set<RunningRequest>();
  #wire: Wire | undefined;

  constructor(options: RequestsOptions, deps: RequestsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Requests without an answer. */
  get length(): number {
    return this.#running.size;
  }

  attach(wire: Wire): void {
    this.#wire = wire;
    for (const request of this.#running) request.pause.wake();
  }

  detach(): void {
    this.#wire = undefined;
  }

  /** Rejects everything under way. */
  fail(error: HoldfastError): void {
    for (const request of this.#running) request.fail(error);
  }

  /** Resolves to the session's answer; rejects with a `HoldfastError` when it is refused, aborted or failed. */
  async command(name: string, args: JsonObject | undefined, options: CommandOptions): Promise<Json> {
    const { session } = this.#options;
    const { id = randomId(), signal, traceparent } = options;
    const given = { ...(args !== undefined && { args }), ...(traceparent !== undefined && { traceparent }) };
    const { result } = await this.#run((wire) => wire.command({ session, id, name, ...given }), signal);
    return result;
  }

  /** SPEC history-1: the turns before the turn `before`, the newest `limit` of them. */
  history(before: number, limit: number | undefined): Promise<HistoryPage> {
    const { session } = this.#options;
    const bounded = limit !== undefined && { limit: Math.min(limit, LIMITS.historyTurns) };
    return this.#run((wire) => wire.history({ session, before, ...bounded }));
  }

  async #run<Result>(ask: (wire: Wire) => Promise<Reply<Answer<Result>>>, signal?: AbortSignal): Promise<Result> {
    const request = new RunningRequest();
    const onAbort = (): void => request.fail(clientError("aborted"));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort);
    this.#running.add(request);
    try {
      return await Promise.race([this.#askUntilAnswered(request, ask), request.failed]);
    } finally {
      this.#running.delete(request);
      signal?.removeEventListener("abort", onAbort);
      // Whatever ended the request, its loop must not go on.
      request.fail(clientError("aborted"));
    }
  }

  async #askUntilAnswered<Result>(
    request: RunningRequest,
    ask: (wire: Wire) => Promise<Reply<Answer<Result>>>,
  ): Promise<Result> {
    const { backoffBaseMs, backoffMaxMs } = this.#options.bounds;
    const backoff = new Backoff({ baseMs: backoffBaseMs, maxMs: backoffMaxMs, random: this.#options.random });
    while (!request.over) {
      const wire = this.#wire;
      if (wire === undefined) {
        await request.pause.wait(undefined);
        continue;
      }
      const reply = await ask(wire);
      if (reply.outcome === "answered") {
        if (reply.answer.ok) return reply.answer;
        const { error } = reply.answer;
        if (error.code === "not_open") this.#forget(wire);
        else if (!isRetryable(error)) throw edgeError(error);
        else await request.pause.wait(backoff.next(error.retryAfterMs));
      } else if (reply.outcome === "timeout") {
        await request.pause.wait(backoff.next());
      } else {
        this.#forget(wire);
      }
    }
    throw clientError("aborted");
  }

  #forget(wire: Wire): void {
    if (this.#wire !== wire) return;
    this.#wire = undefined;
    if (!wire.ended) this.#deps.notOpen();
  }
}

class RunningRequest {
  readonly pause = new Pause();
  readonly #failed = Promise.withResolvers<never>();
  #over = false;

  constructor() {
    this.#failed.promise.catch(() => undefined);
  }

  get over(): boolean {
    return this.#over;
  }

  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  fail(error: HoldfastError): void {
    this.#over = true;
    this.#failed.reject(error);
    this.pause.wake();
  }
}
