import { crowdReportSchema, type CrowdPlan, type CrowdReport, type Order } from "./storm-protocol.ts";
import { ToldProcess } from "./told-process.ts";

const ENTRY = new URL("./storm-crowd.ts", import.meta.url);
const REPORT_MS = 60_000;

/** The processes that hold the clients, so that the harness is not what is measured. */
export class StormCrowds {
  readonly #processes: ToldProcess[];

  constructor(plans: readonly CrowdPlan[]) {
    this.#processes = plans.map((plan) => new ToldProcess(ENTRY, plan));
  }

  get size(): number {
    return this.#processes.length;
  }

  /** Resolves when every process has done it. Rejects when one of them ended instead, or after `withinMs`. */
  async order(order: Order, withinMs: number): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.tell(order, withinMs)));
  }

  /** Also while an order is being carried out. */
  async reports(): Promise<CrowdReport[]> {
    const answers = this.#processes.map((one) => one.tell({ order: "report" }, REPORT_MS));
    return (await Promise.all(answers)).map((answer) => crowdReportSchema.parse(answer));
  }

  stop(): void {
    for (const one of this.#processes) one.stop();
  }
}
