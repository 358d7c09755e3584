import type { Json, JsonObject } from "@holdfast/contract";
import { Backoff } from "./backoff.ts";
import { clientError, edgeError, isRetryable, type HoldfastError } from "./errors.ts";
import { Pause } from "./pause.ts";
import { randomId } from "./random-id.ts";
import type { Tuning } from "./tuning.ts";
import type { Wire } from "./wire.ts";

export interface CommandOptions {
  /** Stops repeating the command and rejects with `aborted`. It may have been, or still be, carried out. */
  signal?: AbortSignal;
  /** SPEC command-1: a repeat with the same id gets the first answer. Left out, a random one. */
  id?: string;
}

export interface CommandsOptions {
  session: string;
  tuning: Tuning;
  random: () => number;
  /** The session is not open on this connection after all. */
  notOpen(): void;
}

/** Commands without an answer yet; each is repeated, under its id, until it has one (SPEC command-3, req-3). */
export class Commands {
  readonly #options: CommandsOptions;
  /** Ends the wait of each command under way: for a connection, or before repeating. */
  readonly #running = new Set<RunningCommand>();
  #wire: Wire | undefined;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#running.size;
  }

  attach(wire: Wire): void {
    this.#wire = wire;
    for (const command of this.#running) command.pause.wake();
  }

  detach(): void {
    this.#wire = undefined;
  }

  /** Rejects everything under way. */
  fail(error: HoldfastError): void {
    for (const command of this.#running) command.fail(error);
  }

  /** Resolves to the session's answer; rejects with a `HoldfastError` when it is refused, aborted or failed. */
  async run(name: string, args: JsonObject | undefined, { id = randomId(), signal }: CommandOptions): Promise<Json> {
    const { session } = this.#options;
    const command = new RunningCommand();
    const onAbort = (): void => command.fail(clientError("aborted"));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort);
    this.#running.add(command);
    try {
      const asked = this.#ask(command, { session, id, name, ...(args !== undefined && { args }) });
      return await Promise.race([asked, command.failed]);
    } finally {
      this.#running.delete(command);
      signal?.removeEventListener("abort", onAbort);
      // Whatever ended it, its loop must not go on.
      command.fail(clientError("aborted"));
    }
  }

  async #ask(command: RunningCommand, request: Parameters<Wire["command"]>[0]): Promise<Json> {
    const { backoffBaseMs, backoffMaxMs } = this.#options.tuning;
    const backoff = new Backoff({ baseMs: backoffBaseMs, maxMs: backoffMaxMs, random: this.#options.random });
    while (!command.over) {
      const wire = this.#wire;
      if (wire === undefined) {
        await command.pause.wait(undefined);
        continue;
      }
      const reply = await wire.command(request);
      if (reply.outcome === "answered") {
        if (reply.answer.ok) return reply.answer.result;
        const error = reply.answer.error;
        if (error.code === "not_open") this.#forget(wire);
        else if (!isRetryable(error)) throw edgeError(error);
        else await command.pause.wait(backoff.next(error.retryAfterMs));
      } else if (reply.outcome === "timeout") {
        await command.pause.wait(backoff.next());
      } else {
        this.#forget(wire);
      }
    }
    throw clientError("aborted");
  }

  #forget(wire: Wire): void {
    if (this.#wire !== wire) return;
    this.#wire = undefined;
    if (!wire.ended) this.#options.notOpen();
  }
}

class RunningCommand {
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
