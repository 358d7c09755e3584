import { condition, proxyActivities, setHandler } from "@temporalio/workflow";
import { WorkflowStream, type WorkflowStreamState } from "@temporalio/workflow-streams/workflow";
import {
  type BareStart,
  countsQuery,
  factSignal,
  FACTS_PER_RUN,
  inputSignal,
  TURNS_PER_RUN,
} from "../bare/workflows.ts";
import type { Activities } from "./worker.ts";

export const STREAMS_QUEUE = "bench-streams";
export const STREAMS_ACTIVITY_QUEUE = "bench-streams-activities";
export const TOPIC = "turns";

/** What a reader of the stream is given: pieces of a turn's answer, then the turn's end. */
export interface StreamedOutput {
  seq: number;
  output: "token" | "last";
}

/** What a run hands on to the next. */
export interface StreamedBefore {
  counts: { turns: number; facts: number };
  left: number[];
  stream: WorkflowStreamState;
}

/** The bare workflow, its output on Temporal's own stream: the tokens by the activity, a turn's end by the workflow. */
export async function streamed(
  { activityQueue, tokens, tokenDelay, ...rest }: BareStart,
  before?: StreamedBefore,
): Promise<void> {
  const stream = new WorkflowStream(before?.stream);
  const output = stream.topic<StreamedOutput>(TOPIC);
  const begun = before?.counts ?? { turns: 0, facts: 0 };
  const inbox = [...(before?.left ?? [])];
  const counts = { ...begun };
  const { streamTokens } = proxyActivities<Activities>({ taskQueue: activityQueue, startToCloseTimeout: "5 minutes" });
  setHandler(inputSignal, (seq) => void inbox.push(seq));
  setHandler(factSignal, () => void counts.facts++);
  setHandler(countsQuery, () => counts);
  const full = (): boolean => counts.facts - begun.facts >= FACTS_PER_RUN;
  while (counts.turns - begun.turns < TURNS_PER_RUN && !full()) {
    await condition(() => inbox.length > 0 || full());
    const seq = inbox.shift();
    if (seq === undefined) continue;
    await streamTokens({ seq, tokens, tokenDelay });
    counts.turns++;
    output.publish({ seq, output: "last" });
  }
  const start = { activityQueue, tokens, tokenDelay, ...rest };
  await stream.continueAsNew<typeof streamed>((state) => [start, { counts, left: inbox, stream: state }]);
}
