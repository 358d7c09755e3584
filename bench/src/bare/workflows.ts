import { condition, continueAsNew, defineQuery, defineSignal, proxyActivities, setHandler } from "@temporalio/workflow";
import type { Activities } from "./worker.ts";

export const TURNS_PER_RUN = 300;
export const FACTS_PER_RUN = 2_000;

export const BARE_QUEUE = "bench-bare";
export const BARE_ACTIVITY_QUEUE = "bench-bare-activities";

export interface BareStart {
  session: string;
  tokens: number;
  tokenDelay: number;
  /** Task queue of the activity: the workflow's own (dispatched eagerly) or another. */
  activityQueue: string;
}

export const inputSignal = defineSignal<[seq: number]>("input");
export const factSignal = defineSignal<[seq: number]>("fact");
export const countsQuery = defineQuery<{ turns: number; facts: number }>("counts");

/** What anyone would write first: a signal in, one activity per input, in order. Continues as new before the limits. */
export async function bare(start: BareStart, before = { turns: 0, facts: 0 }, left: number[] = []): Promise<void> {
  const { activityQueue, session, tokens, tokenDelay } = start;
  const inbox = [...left];
  const counts = { ...before };
  const { emit } = proxyActivities<Activities>({ taskQueue: activityQueue, startToCloseTimeout: "5 minutes" });
  setHandler(inputSignal, (seq) => void inbox.push(seq));
  setHandler(factSignal, () => void counts.facts++);
  setHandler(countsQuery, () => counts);
  const full = (): boolean => counts.facts - before.facts >= FACTS_PER_RUN;
  while (counts.turns - before.turns < TURNS_PER_RUN && !full()) {
    await condition(() => inbox.length > 0 || full());
    const seq = inbox.shift();
    if (seq === undefined) continue;
    await emit({ session, seq, tokens, tokenDelay });
    counts.turns++;
  }
  await continueAsNew<typeof bare>(start, counts, inbox);
}
