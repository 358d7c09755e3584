import { type ChildProcess, fork, type Serializable } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const answerSchema = z.looseObject({ to: z.string() });
const READY = "ready";
const PLAN = "HOLDFAST_TEST_PLAN";

export interface ChildOptions {
  /** Hears all but the answers to orders. */
  onMessage?: (message: Serializable) => void;
  execArgv?: string[];
}

/**
 * A process of the tests' own, begun with a plan. It may be told what to do, one order at a time: answers are matched to
 * orders by the order's name, so a report may be asked for while something else is being done. It ends with its parent.
 */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, pid: number) {
    this.#process = child;
    this.pid = pid;
  }

  /** Resolves when the process says that it is ready, see `begun`. */
  static async start(entry: URL, plan: unknown, { onMessage, execArgv = [] }: ChildOptions = {}): Promise<Child> {
    const path = fileURLToPath(entry);
    const env = { ...process.env, [PLAN]: JSON.stringify(plan) };
    // What a command prints on standard output is its own.
    const child = fork(path, { env, execArgv, stdio: ["ignore", 2, "inherit", "ipc"] });
    const { promise: isReady, resolve, reject } = Promise.withResolvers<void>();
    child.on("message", (message) => (message === READY ? resolve() : onMessage?.(message)));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${path} ended before it was ready (exit code ${code}).`)));
    await isReady;
    if (child.pid === undefined) throw new Error(`${path} has no process id.`);
    return new Child(child, child.pid);
  }

  send(message: Serializable): void {
    this.#process.send(message);
  }

  /** Resolves to the answer when it is done. Rejects when the process ended instead, or after `withinMs`. */
  async tell<Order extends { order: string }>(order: Order, withinMs: number): Promise<unknown> {
    const child = this.#process;
    const { promise: done, resolve, reject } = Promise.withResolvers<unknown>();
    const answered = (message: unknown): void => {
      const answer = answerSchema.safeParse(message);
      if (answer.data?.to === order.order) resolve(answer.data);
    };
    const ended = (code: number | null): void =>
      reject(new Error(`A process ended during "${order.order}" (exit code ${code}).`));
    const late = new Error(`A process did not finish "${order.order}" within ${withinMs / 1_000} s.`);
    const timer = setTimeout(reject, withinMs, late);
    child.on("message", answered).on("exit", ended);
    try {
      child.send(order);
      return await done;
    } finally {
      clearTimeout(timer);
      child.off("message", answered).off("exit", ended);
    }
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  /** It is told that its parent is gone, and ends as it then does. */
  leave(): Promise<void> {
    return this.#endBy((child) => child.connected && child.disconnect());
  }

  kill(): Promise<void> {
    return this.#endBy((child) => child.kill("SIGKILL"));
  }

  async #endBy(act: (child: ChildProcess) => unknown): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    const gone = exitCode === null && signalCode === null ? once(this.#process, "exit") : undefined;
    act(this.#process);
    await gone;
  }
}

/** In such a process: its plan. */
export function planOf<Plan>(schema: z.ZodType<Plan>): Plan {
  return schema.parse(JSON.parse(process.env[PLAN] ?? ""));
}

/** In such a process, when it has begun. `atEnd`: what it does when its parent is gone, before it ends. */
export function begun(atEnd: () => void = () => undefined): void {
  process.once("disconnect", () => {
    atEnd();
    process.exit();
  });
  process.send?.(READY);
}

/** In such a process: carries out orders. A failure ends the process, which its parent notices. */
export function obey<Order extends { order: string }>(
  schema: z.ZodType<Order>,
  carryOut: (order: Order) => Promise<object>,
): void {
  process.on("message", (message) => {
    const order = schema.parse(message);
    void carryOut(order).then((answer) => process.send?.({ ...answer, to: order.order }));
  });
  begun();
}
