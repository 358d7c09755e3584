import { condition, continueAsNew, defineQuery, defineSignal, proxyActivities, setHandler } from "@temporalio/workflow";
import type { Activities } from "./worker.ts";

const TURNS_PER_RUN = 300;
const FACTS_PER_RUN = 2_000;

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

/** What a run hands on to the next. */
export interface Taken {
  counts: { turns: number; facts: number };
  inbox: number[];
}
export const NOTHING_TAKEN: Taken = { counts: { turns: 0, facts: 0 }, inbox: [] };

/** Counts facts and takes inputs by `turn`, in order and one at a time, until the run is as long as it may get. */
export async function takeSignals(taken: Taken, turn: (seq: number) => Promise<void>): Promise<Taken> {
  const before = taken.counts;
  const counts = { ...before };
  const inbox = [...taken.inbox];
  setHandler(inputSignal, (seq) => void inbox.push(seq));
  setHandler(factSignal, () => void counts.facts++);
  setHandler(countsQuery, () => counts);
  const full = (): boolean => counts.facts - before.facts >= FACTS_PER_RUN;
  while (counts.turns - before.turns < TURNS_PER_RUN && !full()) {
    await condition(() => inbox.length > 0 || full());
    const seq = inbox.shift();
    if (seq === undefined) continue;
    await turn(seq);
    counts.turns++;
  }
  return { counts, inbox };
}

/** What anyone would write first: a signal in, one activity per input, in order. Continues as new before the limits. */
export async function bare(start: BareStart, before = NOTHING_TAKEN): Promise<void> {
  const { activityQueue, session, tokens, tokenDelay } = start;
  const { emit } = proxyActivities<Activities>({ taskQueue: activityQueue, startToCloseTimeout: "5 minutes" });
  const taken = await takeSignals(before, (seq) => emit({ session, seq, tokens, tokenDelay }));
  await continueAsNew<typeof bare>(start, taken);
}
