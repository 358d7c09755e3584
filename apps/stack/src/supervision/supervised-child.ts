import { EventEmitter, once } from "node:events";
import { EXIT_AGENT_CODE } from "@holdfast/orchestrator/src/agent-code.ts";
import type { Exit, GuardedProcess } from "../guarded-process.ts";
import { StackError } from "../stack-error.ts";

/** A process that was started; `ready` rejects when it will not become so. */
export type Launched = GuardedProcess & { readonly ready: Promise<void> };

export interface ChildSpec {
  readonly name: string;
  /** Where its output is, for error messages. */
  readonly logFile: string;
  /** With `EXIT_AGENT_CODE` it is not started again until `tryAgain`, and what starts with it does not wait for it. */
  readonly waitForCode?: boolean;
  launch(): Promise<Launched>;
}

export type ChildState = "starting" | "ready" | "waiting" | "stopped";

/** What the control API shows of a child. */
export interface ChildStatus {
  name: string;
  pid: number | null;
  state: ChildState;
  restarts: number;
}

export type ChildEvent =
  | { type: "ready"; name: string; afterMs: number; restarts: number }
  | { type: "ended"; name: string; exit: Exit; retryInMs: number; logFile: string; asked: boolean }
  | { type: "waits-for-code"; name: string };

/** An app's exit code for a wrong configuration: starting it again cannot help. */
const EXIT_CONFIG = 2;
const FIRST_TRIES = 3;
const BACKOFF_MS = { first: 100, most: 10_000 };
/** How long after a child's end the reason for it may still be on its way to us. */
const HEARSAY_MS = 50;
/** A child that was ready for this long begins again from the shortest delay. */
const SETTLED_MS = 10_000;

/** Keeps one process running: starts it, starts it again with jittered back-off when it ends, until it is stopped. */
export class SupervisedChild {
  readonly spec: ChildSpec;
  readonly #onEvent: (event: ChildEvent) => void;
  readonly #changes = new EventEmitter();
  #launched: Launched | undefined;
  #state: ChildState = "stopped";
  #restarts = 0;
  #failures = 0;
  /** The process was told to end, which is no failure of its own. */
  #asked = false;
  #tryAgain: () => void = () => {};
  #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(spec: ChildSpec, onEvent: (event: ChildEvent) => void) {
    this.spec = spec;
    this.#onEvent = onEvent;
    this.#changes.setMaxListeners(0);
  }

  get status(): ChildStatus {
    const { name } = this.spec;
    return { name, pid: this.#launched?.pid ?? null, state: this.#state, restarts: this.#restarts };
  }

  /** Resolves when the child is ready for the first time; rejects with a `StackError` when it does not get there. */
  async start(): Promise<void> {
    const first = new Promise<void>((resolve, reject) => {
      this.#running = this.#keepRunning(resolve, reject);
    });
    await first;
  }

  async whenReady(): Promise<void> {
    while (this.#state !== "ready") await once(this.#changes, "change");
  }

  /**
   * Sends a signal; false when there is no process. After a deadly one wait for `gone`. Who is asked to end (SIGTERM) is
   * replaced at once, who is made to (SIGKILL) like one that failed.
   */
  kill(signal: NodeJS.Signals): boolean {
    this.#asked ||= signal === "SIGTERM" && this.#launched !== undefined;
    this.#launched?.kill(signal);
    return this.#launched !== undefined;
  }

  /** Resolves when the process that runs now has ended. */
  async gone(): Promise<void> {
    await this.#launched?.exited;
  }

  /** The code it waits for may be another now. */
  tryAgain(): void {
    this.#tryAgain();
  }

  /** SIGKILL, and no restart. */
  end(): void {
    this.#stopping.abort();
    this.#launched?.kill("SIGKILL");
  }

  /** SIGTERM, SIGKILL after `graceMs`, and no restart. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#launched?.stop(graceMs);
    await this.#running;
    this.#become("stopped");
  }

  async #keepRunning(onFirstReady: () => void, onGivenUp: (error: Error) => void): Promise<void> {
    let wasReady = false;
    while (!this.#stopping.signal.aborted) {
      const { exit, readyForMs, error } = await this.#runOnce(() => {
        wasReady = true;
        onFirstReady();
      });
      if (this.#stopping.signal.aborted) break;
      const asked = this.#asked;
      this.#failures = asked || readyForMs > SETTLED_MS ? 1 : this.#failures + 1;
      this.#asked = false;
      if (this.spec.waitForCode && exit.code === EXIT_AGENT_CODE) {
        await this.#waitForCode(onFirstReady);
        wasReady = true;
        continue;
      }
      const hopeless = exit.code === EXIT_CONFIG || error instanceof StackError || this.#failures >= FIRST_TRIES;
      if (!wasReady && hopeless) {
        this.#become("stopped");
        onGivenUp(this.#givenUp(error));
        return;
      }
      const retryInMs = backoff(this.#failures);
      this.#become("waiting");
      // A service manager may signal every process of a service at once: then it ended because all of it is to end, and we are
      // about to hear of that ourselves.
      await this.#pause(Math.min(retryInMs, HEARSAY_MS));
      if (this.#stopping.signal.aborted) break;
      this.#onEvent({ type: "ended", name: this.spec.name, exit, retryInMs, logFile: this.spec.logFile, asked });
      await this.#pause(Math.max(0, retryInMs - HEARSAY_MS));
      this.#restarts += 1;
    }
    if (!wasReady) onGivenUp(new StackError("child_failed", `${this.spec.name} was stopped before it was ready.`));
  }

  async #waitForCode(onFirstReady: () => void): Promise<void> {
    const again = new Promise<void>((resolve) => {
      this.#tryAgain = resolve;
    });
    this.#become("waiting");
    this.#onEvent({ type: "waits-for-code", name: this.spec.name });
    onFirstReady();
    this.#stopping.signal.addEventListener("abort", () => this.#tryAgain(), { once: true });
    if (!this.#stopping.signal.aborted) await again;
    this.#tryAgain = () => {};
    this.#failures = 0;
    this.#restarts += 1;
  }

  async #runOnce(onReady: () => void): Promise<{ exit: Exit; readyForMs: number; error?: unknown }> {
    const launchedAt = Date.now();
    let readyAt = Number.POSITIVE_INFINITY;
    this.#become("starting");
    let launched: Launched;
    try {
      launched = await this.spec.launch();
    } catch (error) {
      return { exit: { code: null, signal: null }, readyForMs: 0, error };
    }
    this.#launched = launched;
    // A stop that came while the process was being created has not seen it.
    if (this.#stopping.signal.aborted) launched.kill("SIGKILL");
    const gone = launched.exited.then((exit) => {
      this.#launched = undefined;
      this.#become("waiting");
      return exit;
    });
    let failure: unknown;
    try {
      await launched.ready;
      readyAt = Date.now();
      if (this.#launched === launched) this.#become("ready");
      this.#onEvent({
        type: "ready",
        name: this.spec.name,
        afterMs: readyAt - launchedAt,
        restarts: this.#restarts,
      });
      onReady();
    } catch (error) {
      failure = error;
    }
    const exit = await gone;
    return { exit, readyForMs: Date.now() - readyAt, error: failure };
  }

  #givenUp(error: unknown): StackError {
    if (error instanceof StackError) return error;
    const cause = error instanceof Error ? error.message : String(error);
    return new StackError("child_failed", `${this.spec.name} does not start. ${cause}\nIts log: ${this.spec.logFile}`);
  }

  async #pause(ms: number): Promise<void> {
    const stop = this.#stopping.signal;
    if (stop.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      stop.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #become(state: ChildState): void {
    this.#state = state;
    this.#changes.emit("change");
  }
}

/** Half to all of an exponentially growing delay: children that died together do not come back together. */
function backoff(failures: number): number {
  const delay = Math.min(BACKOFF_MS.first * 2 ** (failures - 1), BACKOFF_MS.most);
  return Math.round(delay * (0.5 + Math.random() / 2));
}
