import { monitorEventLoopDelay } from "node:perf_hooks";
import { mintToken } from "@holdfast/stack/token";
import { type CrowdPlan, crowdPlanSchema, type CrowdReport, type Order, orderSchema } from "./storm-protocol.ts";
import { StormVisitor } from "./storm-visitor.ts";
import { obey } from "./told-process.ts";

const SHORT = "faults:tokens=4";
const CALL = `are you there ${SHORT}`;
const LANES = 16;

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
        await this.#inLanes(this.#numbers(), (number) => this.#arrive(number));
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
        await this.#inLanes(this.#visitors.toReversed().slice(0, order.visitors), (visitor) => visitor.ask(CALL));
        break;
      case "report":
        return this.#report();
    }
    return {};
  }

  get #streaming(): StormVisitor[] {
    return this.#visitors.slice(0, this.#plan.streams);
  }

  /** Some at a time: it is the return that is to be a storm, not the arrival, and not the answers. */
  async #inLanes<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
    const waiting = items[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (let next = waiting.next(); next.done !== true; next = waiting.next()) await act(next.value);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  #numbers(): number[] {
    const { first, count } = this.#plan;
    return Array.from({ length: count }, (_, index) => first + index);
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
    await visitor.ask(`hello ${number} ${SHORT}`);
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
