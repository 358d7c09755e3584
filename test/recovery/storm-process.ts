import { monitorEventLoopDelay } from "node:perf_hooks";
import { mintToken } from "@holdfast/stack/token";
import { z } from "zod";
import { obey, planOf } from "../kit/child-process.ts";
import type { ParticipantOptions } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import { inLanes } from "../kit/wait.ts";
import { ChainReader, readingSchema, wrongIn } from "./chain-reader.ts";

const planSchema = z.object({
  edges: z.array(z.string()).min(1),
  jwtSecret: z.string(),
  /** Part of every subject's name, so that a second storm of one stack has sessions of its own. */
  label: z.string(),
  /** Which of the `processes` this is; each holds its share of the clients, and of those with a stream. */
  index: z.number().int(),
  processes: z.number().int(),
  clients: z.number().int(),
  /** Clients that have an answer streaming when the edge dies, and the model's script for it. */
  streams: z.number().int(),
  streamScript: z.string(),
  /** Shared out over the edges by chance; else all on the first. */
  spread: z.boolean().default(false),
  /** One subject for all, or one for each. */
  oneSubject: z.boolean().default(false),
});
export type StormPlan = z.input<typeof planSchema>;

/** One client's storm, from the strike on. Times are Unix milliseconds. */
const recordSchema = readingSchema.extend({
  /** It was on the edge that died. */
  wasStruck: z.boolean(),
  /** When each attempt to connect began, and what the client waited before it. */
  attempts: z.array(z.object({ at: z.number(), waitedMs: z.number() })),
  /** Why attempts failed, by the error's code. */
  failures: z.record(z.string(), z.number()),
  /** When its session was delivered after the strike, on another connection if it was struck; null if never. */
  openAt: z.number().nullable(),
});
type StormRecord = z.infer<typeof recordSchema>;
type Storm = Pick<StormRecord, "wasStruck" | "attempts" | "failures" | "openAt">;

const stormOf = (wasStruck: boolean): Storm => ({ wasStruck, attempts: [], failures: {}, openAt: null });

/** A client through the public API, and a note of everything a storm does to it. */
class StormClient extends ChainReader {
  #url: string | undefined;
  #waitedMs = 0;
  #storm = stormOf(false);
  #return: Promise<void> | undefined;

  constructor(options: ParticipantOptions) {
    super(options);
    this.client.on("connection", (state) => {
      const { attempts, failures } = this.#storm;
      if (state.state === "connected") this.#url = state.url;
      if (state.state === "connecting") attempts.push({ at: Date.now(), waitedMs: this.#waitedMs });
      if (state.state !== "waiting") return;
      this.#waitedMs = state.delayMs;
      failures[state.error.code] = (failures[state.error.code] ?? 0) + 1;
    });
  }

  get result(): StormRecord {
    const { connects, snapshots, breaks } = this;
    return { connects, snapshots, breaks, ...this.#storm, wrong: this.#wrong() };
  }

  async ask(text: string): Promise<void> {
    this.say(text);
    await this.answered();
  }

  /** Resolves when everything said has its whole answer. */
  answered(): Promise<void> {
    const said = this.sent.length;
    return this.sees("everything is answered", ({ turns, running }) => turns.length === said && running === null);
  }

  speaking(): Promise<void> {
    return this.sees("an answer streams", ({ running }) => textOf(running) !== "");
  }

  /** From now on everything counts; `struck` is the edge that is about to die. */
  mark(struck: string): void {
    const { connects } = this;
    const storm = stormOf(this.#url === struck);
    this.#storm = storm;
    this.snapshots = 0;
    this.breaks = 0;
    const isBack = (): boolean => this.isOpen && (!storm.wasStruck || this.connects > connects);
    this.#return = this.until("it is back", isBack).then(() => void (storm.openAt = Date.now()));
  }

  /** Resolves when the session is delivered on a connection that was made after the strike, if it had to be. */
  async back(): Promise<void> {
    await this.#return;
    await this.live();
  }

  #wrong(): string[] {
    const { turns, lag, connection, delivery, degraded } = this.session.get();
    const said = this.sent.map(({ text }) => text);
    const wrong = turns.flatMap((turn, index) => wrongIn(turn, said[index] ?? ""));
    if (turns.length !== said.length) {
      const state = `${connection.state}, ${delivery.state}${degraded ? ", degraded" : ""}`;
      wrong.push(`${turns.length} answers to ${said.length} inputs: ${JSON.stringify(lag)}, ${state}`);
    }
    return wrong.map((sentence) => `${this.name}: ${sentence}`);
  }
}

/**
 * - `gather`: everybody connects, says something and has the answer.
 * - `brace`: long answers begin; done when each of them has said something, and everything is counted from then on.
 *   `struck` is the edge that is about to die.
 * - `settle`: done when everybody who was on the struck edge reads again, and the long answers are whole.
 * - `call`: so many of them say something again and have the answer.
 */
const orderSchema = z.discriminatedUnion("order", [
  z.object({ order: z.enum(["gather", "settle", "report"]) }),
  z.object({ order: z.literal("brace"), struck: z.string() }),
  z.object({ order: z.literal("call"), clients: z.number().int() }),
]);
export type StormOrder = z.infer<typeof orderSchema>;

export const reportSchema = z.object({
  clients: z.array(recordSchema),
  /** Of this process: resident memory now, CPU time since `brace`, and the longest time its event loop stood still. */
  rssBytes: z.number(),
  cpuSeconds: z.number(),
  loopStallMs: z.number(),
});

const SHORT = "faults:tokens=4";
/** Some at a time: it is the return that is to be a storm, not the arrival, and not the answers. */
const LANES = 16;

/** A process full of clients. */
function begin(): void {
  const { edges, jwtSecret, label, spread, oneSubject, ...plan } = planOf(planSchema);
  const numbers = Array.from({ length: plan.clients }, (_, number) => number);
  const own = numbers.filter((number) => number % plan.processes === plan.index);
  const streams = own.filter((number) => number < plan.streams).length;
  const clients: StormClient[] = [];
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  let cpu = process.cpuUsage();

  const arrive = async (number: number): Promise<void> => {
    const owner = oneSubject ? `everybody-${label}` : `client-${label}-${number}`;
    const start = spread ? Math.floor(Math.random() * edges.length) : 0;
    const client = new StormClient({
      name: `client ${number}`,
      key: { tenant: "acme", owner, name: oneSubject ? `s-${number}` : "s" },
      edges: [...edges.slice(start), ...edges.slice(0, start)],
      token: () => mintToken(jwtSecret, { subject: owner }),
      clock: () => performance.now(),
    });
    clients.push(client);
    await client.ask(`hello ${number} ${SHORT}`);
  };

  const report = (): z.infer<typeof reportSchema> => {
    const { user, system } = process.cpuUsage(cpu);
    const used = { cpuSeconds: (user + system) / 1e6, loopStallMs: loop.max / 1e6 };
    return { clients: clients.map(({ result }) => result), rssBytes: process.memoryUsage.rss(), ...used };
  };

  obey(orderSchema, async (order): Promise<object> => {
    const streaming = clients.slice(0, streams);
    switch (order.order) {
      case "gather":
        await inLanes(LANES, own, arrive);
        break;
      case "brace":
        for (const client of streaming) client.say(`a long one faults:${plan.streamScript}`);
        await Promise.all(streaming.map((client) => client.speaking()));
        cpu = process.cpuUsage();
        loop.reset();
        for (const client of clients) client.mark(order.struck);
        break;
      case "settle":
        await Promise.all(clients.map((client) => client.back()));
        await Promise.all(streaming.map((client) => client.answered()));
        break;
      case "call": {
        const called = clients.toReversed().slice(0, order.clients);
        await inLanes(LANES, called, (client) => client.ask(`are you there ${SHORT}`));
        break;
      }
      case "report":
        return report();
    }
    return {};
  });
}

// The plan's and the report's types are imported from here, too.
if (import.meta.main) begin();
