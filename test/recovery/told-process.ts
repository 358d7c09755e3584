import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const answerSchema = z.looseObject({ to: z.string() });

/**
 * A process of the harness's own: begun with a plan, then told what to do, one order at a time. Answers are matched to
 * orders by the order's name, so a report may be asked for while something else is being done.
 */
export class ToldProcess {
  readonly #child: ChildProcess;

  constructor(entry: URL, plan: unknown) {
    this.#child = fork(fileURLToPath(entry), {
      env: { ...process.env, HARNESS_PLAN: JSON.stringify(plan) },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  /** Resolves to the answer when it is done. Rejects when the process ended instead, or after `withinMs`. */
  async tell<Order extends { order: string }>(order: Order, withinMs: number): Promise<unknown> {
    const child = this.#child;
    return await new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        child.off("message", answered).off("exit", ended);
        act();
      };
      const answered = (message: unknown): void => {
        const answer = answerSchema.parse(message);
        if (answer.to === order.order) settle(() => resolve(answer));
      };
      const ended = (code: number | null): void =>
        settle(() => reject(new Error(`A process of clients ended during "${order.order}" (exit code ${code}).`)));
      const late = new Error(`The clients did not finish "${order.order}" within ${withinMs / 1_000} s.`);
      const timer = setTimeout(() => settle(() => reject(late)), withinMs);
      child.on("message", answered).on("exit", ended);
      child.send(order);
    });
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

/** What such a process does: `begin` makes of its plan what carries out its orders. It ends with its parent. */
export function obey<Plan, Order extends { order: string }>(
  planSchema: z.ZodType<Plan>,
  orderSchema: z.ZodType<Order>,
  begin: (plan: Plan) => (order: Order) => Promise<object>,
): void {
  const carryOut = begin(planSchema.parse(JSON.parse(process.env["HARNESS_PLAN"] ?? "")));
  process.on("message", (message) => {
    const order = orderSchema.parse(message);
    // A failure ends the process, which its parent notices.
    void carryOut(order).then((answer) => process.send?.({ ...answer, to: order.order }));
  });
  process.once("disconnect", () => process.exit());
}
