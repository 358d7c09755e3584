import { condition, continueAsNew, defineQuery, defineSignal, proxyActivities, setHandler } from "@temporalio/workflow";
import { BARE_QUERY, BARE_SIGNAL_FACT, BARE_SIGNAL_INPUT, type BareCounts, type BareStart } from "./protocol.ts";
import type { Emit } from "./worker.ts";

const TURNS_PER_RUN = 300;
const FACTS_PER_RUN = 2_000;

/** What anyone would write first: a signal in, one activity per input, in order. Continues as new before the limits. */
export async function bare(
  start: BareStart,
  before: BareCounts = { turns: 0, facts: 0 },
  left: number[] = [],
): Promise<void> {
  const inbox = [...left];
  const counts = { ...before };
  const { emit } = proxyActivities<Emit>({ taskQueue: start.activityQueue, startToCloseTimeout: "5 minutes" });
  setHandler(defineSignal<[number]>(BARE_SIGNAL_INPUT), (seq) => {
    inbox.push(seq);
  });
  setHandler(defineSignal<[number]>(BARE_SIGNAL_FACT), () => {
    counts.facts++;
  });
  setHandler(defineQuery<BareCounts>(BARE_QUERY), () => counts);
  const full = (): boolean => counts.facts - before.facts >= FACTS_PER_RUN;
  while (counts.turns - before.turns < TURNS_PER_RUN && !full()) {
    await condition(() => inbox.length > 0 || full());
    const seq = inbox.shift();
    if (seq === undefined) continue;
    await emit({ session: start.session, seq, tokens: start.tokens, tokenDelayMs: start.tokenDelayMs });
    counts.turns++;
  }
  await continueAsNew<typeof bare>(start, counts, inbox);
}
