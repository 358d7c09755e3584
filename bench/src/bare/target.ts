import { Child } from "@holdfast/test/kit/child-process";
import { withUndo } from "@holdfast/test/kit/fixture";
import { until } from "@holdfast/test/kit/wait";
import { Client, Connection } from "@temporalio/client";
import { LoadSession, type LoadTarget, type Sent } from "../load/session.ts";
import type { Recorder } from "../measure/recorder.ts";
import type { BareOutput } from "./worker.ts";
import {
  bare,
  BARE_ACTIVITY_QUEUE,
  BARE_QUEUE,
  type BareStart,
  countsQuery,
  factSignal,
  inputSignal,
} from "./workflows.ts";

const BARE: SignalledWorkflow = { type: bare, taskQueue: BARE_QUEUE };

export interface BareOptions {
  tokens: number;
  tokenDelay: number;
  /** `same-queue`: one worker, the activity dispatched eagerly. `own-queue`: two workers, as a fleet would have. */
  bareShape: "same-queue" | "own-queue";
}

/**
 * The Temporal client and one plain workflow: each event is a signal of its own. `final` is the activity's last output
 * as the bench receives it, before its result is even sent to Temporal, so Holdfast's committed outcome is compared with
 * something that promises less.
 */
export function startBare(address: string, { tokens, tokenDelay, bareShape }: BareOptions): Promise<LoadTarget> {
  return withUndo(async (undo) => {
    const connection = await Connection.connect({ address });
    undo(() => connection.close());
    const client = new Client({ connection });
    const sessions = new Map<string, BareSession>();
    const onMessage = (message: unknown): void => {
      if (isOutput(message)) sessions.get(message.session)?.onOutput(message);
    };
    const startWorker = async (name: string, role: "both" | "workflow" | "activity") => {
      const worker = await Child.start(new URL("./worker.ts", import.meta.url), { role, address }, { onMessage });
      undo(() => worker.kill());
      return { name, pid: worker.pid, oneThread: false };
    };
    const isShared = bareShape === "same-queue";
    const processes = [
      await startWorker(isShared ? "bare-worker" : "bare-workflow-worker", isShared ? "both" : "workflow"),
    ];
    if (!isShared) processes.push(await startWorker("bare-activity-worker", "activity"));
    const activityQueue = isShared ? BARE_QUEUE : BARE_ACTIVITY_QUEUE;
    let opened = 0;
    const open = async (count: number, recorder: Recorder): Promise<BareSession[]> =>
      Array.from({ length: count }, () => {
        const name = `bare-${process.pid}-${++opened}`;
        const session = new BareSession(client, { session: name, tokens, tokenDelay, activityQueue }, recorder);
        sessions.set(name, session);
        return session;
      });
    return { name: "bareTemporal" as const, processes, open, closeSessions: async () => sessions.clear() };
  });
}

function isOutput(message: unknown): message is BareOutput {
  return typeof message === "object" && message !== null && "output" in message;
}

/** A workflow that takes the bare one's signals and answers its Query. */
export interface SignalledWorkflow {
  type: (start: BareStart) => Promise<void>;
  taskQueue: string;
}

/** One such workflow, as whoever signals it plainly sees it. */
export class BareSession extends LoadSession {
  readonly workflowId: string;
  protected readonly client: Client;
  readonly #start: BareStart;
  readonly #workflow: SignalledWorkflow;

  constructor(client: Client, start: BareStart, recorder: Recorder, workflow: SignalledWorkflow = BARE) {
    super(start.session, recorder);
    this.workflowId = start.session;
    this.client = client;
    this.#start = start;
    this.#workflow = workflow;
  }

  protected send(events: Sent[]): void {
    for (const sent of events) void this.#signal(sent);
  }

  async #signal(sent: Sent): Promise<void> {
    try {
      const { type, taskQueue } = this.#workflow;
      await this.client.workflow.signalWithStart(type, {
        workflowId: this.name,
        taskQueue,
        args: [this.#start],
        signal: sent.kind === "input" ? inputSignal : factSignal,
        signalArgs: [sent.seq],
      });
      this.durable(sent);
    } catch (error) {
      // Nothing here retries: whoever signals plainly loses the event, and that is part of the comparison.
      this.faults.push(`${this.name}: event ${sent.seq} was lost: ${String(error)}`);
      this.recorder.note("signal_failed");
      this.forget(sent.seq);
    }
  }

  onOutput({ seq, output }: BareOutput): void {
    if (output === "first") this.first(seq);
    else this.final(seq);
  }

  /** The last output is told before the activity's result is committed, so the count may still be on its way. */
  async verify(): Promise<string[]> {
    const { input, observe } = this.offered;
    if (input + observe === 0) return this.faults;
    const handle = this.client.workflow.getHandle(this.name);
    let counts = { turns: 0, facts: 0 };
    const isWhole = async (): Promise<boolean> => {
      counts = await handle.query(countsQuery);
      return counts.turns === input && counts.facts === observe;
    };
    try {
      await until("the workflow holds what was sent", isWhole, 5_000, 100);
      return this.faults;
    } catch {
      const { turns, facts } = counts;
      return [...this.faults, `${this.name}: sent ${input} inputs and ${observe} facts, holds ${turns} and ${facts}.`];
    }
  }
}
