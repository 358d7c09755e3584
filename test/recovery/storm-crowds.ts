import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Answer, answerSchema, type CrowdPlan, type CrowdReport, type Order } from "./storm-protocol.ts";

const REPORT_MS = 60_000;
const ENTRY = fileURLToPath(new URL("./storm-crowd.ts", import.meta.url));

/** The processes that hold the clients, so that the harness is not what is measured. */
export class StormCrowds {
  readonly #children: ChildProcess[];

  constructor(plans: readonly CrowdPlan[]) {
    this.#children = plans.map((plan) =>
      fork(ENTRY, {
        env: { ...process.env, STORM_PLAN: JSON.stringify(plan) },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      }),
    );
  }

  /** Resolves when every process has done it. Rejects when one of them ended instead, or after `withinMs`. */
  async order(order: Exclude<Order, { order: "report" }>, withinMs: number): Promise<void> {
    await Promise.all(this.#children.map((child) => ask(child, order, withinMs)));
  }

  /** Also while an order is being carried out. */
  async reports(): Promise<CrowdReport[]> {
    const answers = await Promise.all(this.#children.map((child) => ask(child, { order: "report" }, REPORT_MS)));
    return answers.flatMap((answer) => (answer.answer === "report" ? [answer.report] : []));
  }

  stop(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

async function ask(child: ChildProcess, order: Order, withinMs: number): Promise<Answer> {
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
