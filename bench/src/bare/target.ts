import { Child } from "@holdfast/test/kit/child-process";
import { Client, Connection } from "@temporalio/client";
import type { EventKind, LoadSession, LoadTarget, Offered, Progress, ProgressOf, Sent } from "../load/trial.ts";
import type { NamedProcess } from "../measure/window.ts";
import {
  BARE_ACTIVITY_QUEUE,
  BARE_QUERY,
  BARE_QUEUE,
  BARE_SIGNAL_FACT,
  BARE_SIGNAL_INPUT,
  BARE_WORKFLOW,
  type BareCounts,
  type BareOutput,
  type BareStart,
} from "./protocol.ts";
import type { bare } from "./workflows.ts";

export interface BareOptions {
  address: string;
  namespace: string;
  tokens: number;
  tokenDelayMs: number;
  /** `same-queue`: one worker, the activity dispatched eagerly. `own-queue`: two workers, as a fleet would have. */
  shape: "same-queue" | "own-queue";
}

/**
 * The Temporal client and one plain workflow: each event is a signal of its own. `final` is the activity's last output
 * as the bench receives it, before its result is even sent to Temporal, so Holdfast's committed outcome is compared with
 * something that promises less.
 */
export class BareTarget implements LoadTarget {
  readonly name = "bareTemporal";
  readonly #settings: BareOptions;
  readonly #connection: Connection;
  readonly #client: Client;
  readonly #workers: { name: string; child: Child }[] = [];
  readonly #sessions = new Map<string, BareSession>();
  #opened = 0;

  private constructor(settings: BareOptions, connection: Connection) {
    this.#settings = settings;
    this.#connection = connection;
    this.#client = new Client({ connection, namespace: settings.namespace });
  }

  static async start(settings: BareOptions): Promise<BareTarget> {
    const target = new BareTarget(settings, await Connection.connect({ address: settings.address }));
    for (const role of settings.shape === "same-queue" ? ["both"] : ["workflow", "activity"]) {
      await target.#startWorker(role);
    }
    return target;
  }

  async #startWorker(role: string): Promise<void> {
    const { address, namespace } = this.#settings;
    const onMessage = (message: unknown): void => {
      if (isOutput(message)) this.#sessions.get(message.session)?.onOutput(message);
    };
    const child = await Child.start(
      new URL("./worker.ts", import.meta.url),
      { role, address, namespace },
      { onMessage },
    );
    this.#workers.push({ name: role === "both" ? "bare-worker" : `bare-${role}-worker`, child });
  }

  get processes(): NamedProcess[] {
    return this.#workers.map(({ name, child }) => ({ name, pid: child.pid, oneThread: false }));
  }

  async open(count: number, progressOf: ProgressOf): Promise<LoadSession[]> {
    return Array.from({ length: count }, (_, ordinal) => {
      const name = `bare-${process.pid}-${++this.#opened}`;
      const session = new BareSession(this.#client, this.#startOf(name), progressOf(ordinal));
      this.#sessions.set(name, session);
      return session;
    });
  }

  #startOf(session: string): BareStart {
    const { tokens, tokenDelayMs, shape } = this.#settings;
    return { session, tokens, tokenDelayMs, activityQueue: shape === "same-queue" ? BARE_QUEUE : BARE_ACTIVITY_QUEUE };
  }

  async closeSessions(): Promise<void> {
    this.#sessions.clear();
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ child }) => child.kill()));
    await this.#connection.close();
  }
}

function isOutput(message: unknown): message is BareOutput {
  return typeof message === "object" && message !== null && "output" in message;
}

/** One bare workflow, as whoever signals it plainly sees it. */
export class BareSession implements LoadSession {
  readonly name: string;
  readonly workflowId: string;
  readonly offered: Offered = { inputs: 0, observes: 0 };
  readonly #client: Client;
  readonly #start: BareStart;
  readonly #progress: Progress;
  readonly #inputs = new Map<number, Sent>();
  #observesUnderWay = 0;
  #seq = 0;
  readonly #faults: string[] = [];

  constructor(client: Client, start: BareStart, progress: Progress) {
    this.name = start.session;
    this.workflowId = start.session;
    this.#client = client;
    this.#start = start;
    this.#progress = progress;
  }

  get unsettled(): number {
    return this.#inputs.size + this.#observesUnderWay;
  }

  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void {
    for (const kind of burst) {
      const sent: Sent = { seq: ++this.#seq, kind, intendedAt, counted };
      if (kind === "input") {
        this.offered.inputs++;
        this.#inputs.set(sent.seq, sent);
      } else {
        this.offered.observes++;
        this.#observesUnderWay++;
      }
      void this.#signal(sent);
    }
  }

  async #signal(sent: Sent): Promise<void> {
    try {
      await this.#client.workflow.signalWithStart<typeof bare, [number]>(BARE_WORKFLOW, {
        workflowId: this.name,
        taskQueue: BARE_QUEUE,
        args: [this.#start],
        signal: sent.kind === "input" ? BARE_SIGNAL_INPUT : BARE_SIGNAL_FACT,
        signalArgs: [sent.seq],
      });
      this.#progress.durable(sent);
    } catch (error) {
      // Nothing here retries: whoever signals plainly loses the event, and that is part of the comparison.
      this.#faults.push(`${this.name}: event ${sent.seq} was lost: ${String(error)}`);
      this.#progress.note("signal_failed");
      this.#inputs.delete(sent.seq);
    } finally {
      if (sent.kind === "observe") this.#observesUnderWay--;
    }
  }

  onOutput({ seq, output }: BareOutput): void {
    const sent = this.#inputs.get(seq);
    if (sent === undefined) return;
    if (output === "first") return this.#progress.first(sent);
    this.#inputs.delete(seq);
    this.#progress.final(sent);
  }

  /** The last output is told before the activity's result is committed, so the count may still be on its way. */
  async verify(): Promise<string[]> {
    const { inputs, observes } = this.offered;
    if (inputs + observes === 0) return this.#faults;
    const handle = this.#client.workflow.getHandle(this.name);
    let counts: BareCounts = { turns: 0, facts: 0 };
    for (let tries = 0; tries < 50; tries++) {
      counts = await handle.query<BareCounts>(BARE_QUERY);
      if (counts.turns === inputs && counts.facts === observes) return this.#faults;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const sentence = `${this.name}: sent ${inputs} inputs and ${observes} facts, holds ${counts.turns} and ${counts.facts}.`;
    return [...this.#faults, sentence];
  }
}
