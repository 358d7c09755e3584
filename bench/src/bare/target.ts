import { Client, Connection } from "@temporalio/client";
import type { LoadSession, LoadTarget, ProgressOf } from "../load/target.ts";
import type { NamedProcess } from "../measure/processes.ts";
import { forkProcess, type Forked } from "../forked.ts";
import { BARE_ACTIVITY_QUEUE, BARE_QUEUE, type BareOutput, type BareStart } from "./protocol.ts";
import { BareSession } from "./session.ts";

export interface BareSettings {
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
  readonly #settings: BareSettings;
  readonly #connection: Connection;
  readonly #client: Client;
  readonly #workers: { name: string; forked: Forked }[] = [];
  readonly #sessions = new Map<string, BareSession>();
  #opened = 0;

  private constructor(settings: BareSettings, connection: Connection) {
    this.#settings = settings;
    this.#connection = connection;
    this.#client = new Client({ connection, namespace: settings.namespace });
  }

  static async start(settings: BareSettings): Promise<BareTarget> {
    const target = new BareTarget(settings, await Connection.connect({ address: settings.address }));
    for (const role of settings.shape === "same-queue" ? ["both"] : ["workflow", "activity"]) {
      await target.#startWorker(role);
    }
    return target;
  }

  async #startWorker(role: string): Promise<void> {
    const env = {
      BARE_ROLE: role,
      BARE_TEMPORAL_ADDRESS: this.#settings.address,
      BARE_TEMPORAL_NAMESPACE: this.#settings.namespace,
    };
    const forked = await forkProcess(new URL("./worker.ts", import.meta.url), env, (message) => {
      if (isOutput(message)) this.#sessions.get(message.session)?.onOutput(message);
    });
    this.#workers.push({ name: role === "both" ? "bare-worker" : `bare-${role}-worker`, forked });
  }

  get processes(): NamedProcess[] {
    return this.#workers.map(({ name, forked }) => ({ name, pid: forked.pid, oneThread: false }));
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
    await Promise.all(this.#workers.map(({ forked }) => forked.stop()));
    await this.#connection.close();
  }
}

function isOutput(message: unknown): message is BareOutput {
  return typeof message === "object" && message !== null && "output" in message;
}
