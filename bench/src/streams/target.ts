import { Child } from "@holdfast/test/kit/child-process";
import { withUndo } from "@holdfast/test/kit/fixture";
import { Client, Connection } from "@temporalio/client";
import { WorkflowStreamClient } from "@temporalio/workflow-streams/client";
import { type BareOptions, BareSession } from "../bare/target.ts";
import type { LoadTarget, Sent } from "../load/session.ts";
import type { Recorder } from "../measure/recorder.ts";
import { streamed, type StreamedOutput, STREAMS_ACTIVITY_QUEUE, STREAMS_QUEUE, TOPIC } from "./workflows.ts";

/** Milliseconds between two polls of a reader at least; the library's default is 100. */
const POLL_COOLDOWN_MS = 0;

/**
 * The same job by Temporal's own `@temporalio/workflow-streams`: a signal in, the activity publishes its tokens, the workflow the
 * turn's end, and one reader a session polls for them.
 */
export function startStreams(
  address: string,
  { tokens, tokenDelay }: Pick<BareOptions, "tokens" | "tokenDelay">,
): Promise<LoadTarget> {
  return withUndo(async (undo) => {
    const connection = await Connection.connect({ address });
    undo(() => connection.close());
    const client = new Client({ connection });
    const startWorker = async (role: string) => {
      const worker = await Child.start(new URL("./worker.ts", import.meta.url), { role, address });
      undo(() => worker.kill());
      return { name: `streams-${role}-worker`, pid: worker.pid, oneThread: false };
    };
    const processes = [await startWorker("workflow"), await startWorker("activity")];
    const sessions = new Set<StreamsSession>();
    let opened = 0;
    return {
      name: "workflowStreams" as const,
      processes,
      open: async (count, recorder) =>
        Array.from({ length: count }, () => {
          const session = `streams-${process.pid}-${++opened}`;
          const start = { session, tokens, tokenDelay, activityQueue: STREAMS_ACTIVITY_QUEUE };
          const opening = new StreamsSession(client, start, recorder);
          sessions.add(opening);
          return opening;
        }),
      closeSessions: async () => {
        for (const session of sessions) session.leave();
        sessions.clear();
      },
    } satisfies Omit<LoadTarget, "close">;
  });
}

class StreamsSession extends BareSession {
  #reading: AsyncGenerator<{ data: StreamedOutput }, void, unknown> | undefined;
  /** The newest input whose answer has begun: a session takes them in order. */
  #begun = 0;

  constructor(client: Client, start: ConstructorParameters<typeof BareSession>[1], recorder: Recorder) {
    super(client, start, recorder, { type: streamed, taskQueue: STREAMS_QUEUE });
  }

  protected override durable(sent: Sent): void {
    super.durable(sent);
    // There is a workflow to ask from now on.
    if (this.#reading === undefined) void this.#read();
  }

  async #read(): Promise<void> {
    const client = WorkflowStreamClient.create(this.client, this.name);
    const reading = client.topic<StreamedOutput>(TOPIC).subscribe(0, { pollCooldown: POLL_COOLDOWN_MS });
    this.#reading = reading;
    try {
      for await (const { data } of reading) this.#onOutput(data);
    } catch (error) {
      this.faults.push(`${this.name}: its stream ended: ${String(error)}`);
    }
  }

  #onOutput({ seq, output }: StreamedOutput): void {
    if (output === "last") return this.final(seq);
    if (seq <= this.#begun) return;
    this.#begun = seq;
    this.first(seq);
  }

  leave(): void {
    void this.#reading?.return();
  }
}
