import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { mintToken } from "@holdfast/stack/token";
import { type CrowdPlan, crowdPlanSchema, type CrowdReport, type Order, orderSchema } from "./storm-protocol.ts";
import { StormVisitor } from "./storm-visitor.ts";
import { obey } from "./told-process.ts";

const SHORT = "faults:tokens=4";

/** A process full of clients. */
class Crowd {
  readonly #plan: CrowdPlan;
  readonly #visitors: StormVisitor[] = [];
  readonly #loop = monitorEventLoopDelay({ resolution: 5 });
  #cpu = process.cpuUsage();

  constructor(plan: CrowdPlan) {
    this.#plan = plan;
    this.#loop.enable();
  }

  async obey(order: Order): Promise<object> {
    switch (order.order) {
      case "gather":
        await this.#gather();
        break;
      case "stream":
        await Promise.all(
          this.#streaming.map(async (visitor) => visitor.say(`a long one faults:${this.#plan.streamScript}`)),
        );
        await Promise.all(this.#streaming.map((visitor) => visitor.speaking()));
        break;
      case "mark":
        this.#cpu = process.cpuUsage();
        this.#loop.reset();
        for (const visitor of this.#visitors) visitor.mark(order.struck);
        break;
      case "settle":
        await Promise.all(this.#visitors.map((visitor) => visitor.back()));
        await Promise.all(this.#streaming.map((visitor) => visitor.answered()));
        break;
      case "call":
        await this.#call(this.#visitors.toSorted(() => Math.random() - 0.5).slice(0, order.visitors));
        break;
      case "report":
        return this.#report();
    }
    return {};
  }

  get #streaming(): StormVisitor[] {
    return this.#visitors.slice(0, this.#plan.streams);
  }

  async #call(visitors: readonly StormVisitor[]): Promise<void> {
    await Promise.all(visitors.map((visitor) => visitor.say(`are you there ${SHORT}`)));
    await Promise.all(visitors.map((visitor) => visitor.answered()));
  }

  async #gather(): Promise<void> {
    const { first, count, connectsPerSecond } = this.#plan;
    const arrivals: Promise<void>[] = [];
    for (let number = first; number < first + count; number++) {
      arrivals.push(this.#arrive(number));
      await sleep(1_000 / connectsPerSecond);
    }
    await Promise.all(arrivals);
  }

  async #arrive(number: number): Promise<void> {
    const { edges, jwtSecret, label, onFirstEdge, oneSubject } = this.#plan;
    const subject = oneSubject ? `everybody-${label}` : `visitor-${label}-${number}`;
    const visitor = new StormVisitor({
      name: `client ${number}`,
      edges,
      session: oneSubject ? `s-${number}` : "s",
      token: () => mintToken(jwtSecret, { subject }),
      onFirstEdge,
    });
    this.#visitors.push(visitor);
    await visitor.say(`hello ${number} ${SHORT}`);
    await visitor.answered();
  }

  #report(): CrowdReport {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      visitors: this.#visitors.map(({ record }) => record),
      rssBytes: process.memoryUsage.rss(),
      cpuSeconds: (user + system) / 1e6,
      loopStallMs: this.#loop.max / 1e6,
    };
  }
}

obey(crowdPlanSchema, orderSchema, (plan) => {
  const crowd = new Crowd(plan);
  return (order) => crowd.obey(order);
});
