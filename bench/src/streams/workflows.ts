import { proxyActivities } from "@temporalio/workflow";
import { WorkflowStream, type WorkflowStreamState } from "@temporalio/workflow-streams/workflow";
import { type BareStart, NOTHING_TAKEN, takeSignals } from "../bare/workflows.ts";
import type { Activities } from "./worker.ts";

export const STREAMS_QUEUE = "bench-streams";
export const STREAMS_ACTIVITY_QUEUE = "bench-streams-activities";
export const TOPIC = "turns";

/** What a reader of the stream is given: pieces of a turn's answer, then the turn's end. */
export interface StreamedOutput {
  seq: number;
  output: "token" | "last";
}

/** The bare workflow, its output on Temporal's own stream: the tokens by the activity, a turn's end by the workflow. */
export async function streamed(
  start: BareStart,
  before = NOTHING_TAKEN,
  streamBefore?: WorkflowStreamState,
): Promise<void> {
  const { activityQueue, tokens, tokenDelay } = start;
  const stream = new WorkflowStream(streamBefore);
  const output = stream.topic<StreamedOutput>(TOPIC);
  const { streamTokens } = proxyActivities<Activities>({ taskQueue: activityQueue, startToCloseTimeout: "5 minutes" });
  const taken = await takeSignals(before, async (seq) => {
    await streamTokens({ seq, tokens, tokenDelay });
    output.publish({ seq, output: "last" });
  });
  await stream.continueAsNew<typeof streamed>((state) => [start, taken, state]);
}
