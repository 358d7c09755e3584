import { monitorEventLoopDelay } from "node:perf_hooks";
import { mintToken } from "@holdfast/stack/token";
import { z } from "zod";
import { obey, planOf } from "../kit/child-process.ts";
import { inLanes } from "../kit/wait.ts";
import { StormClient, stormRecordSchema } from "./storm-client.ts";

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

/**
 * - `gather`: everybody connects, says something and has the answer.
 * - `stream`: long answers begin; done when each of them has said something.
 * - `mark`: from now on everything is counted; `struck` is the edge that is about to die.
 * - `settle`: done when everybody who was on the struck edge reads again, and the long answers are whole.
 * - `call`: so many of them say something again and have the answer.
 */
const orderSchema = z.discriminatedUnion("order", [
  z.object({ order: z.enum(["gather", "stream", "settle", "report"]) }),
  z.object({ order: z.literal("mark"), struck: z.string() }),
  z.object({ order: z.literal("call"), clients: z.number().int() }),
]);
export type StormOrder = z.infer<typeof orderSchema>;

export const reportSchema = z.object({
  clients: z.array(stormRecordSchema),
  /** Of this process: resident memory now, CPU time since `mark`, and the longest time its event loop stood still. */
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
      case "stream":
        for (const client of streaming) client.say(`a long one faults:${plan.streamScript}`);
        await Promise.all(streaming.map((client) => client.speaking()));
        break;
      case "mark":
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
