import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath, type Snapshot, workflowIdOf } from "@holdfast/contract";
import { askSession, temporalAt, type TemporalClient } from "../conformance/temporal.ts";
import { canonical } from "./difference.ts";
import type { TurnTold } from "./history.ts";

/** A bound on a hang: a server that is paused answers when it goes on. */
const QUERY_MS = 20_000;

/** What workflows answer when they are asked for their sessions, and every turn any of their answers told of. */
export class Transcripts {
  /** By the session's path. */
  readonly newest = new Map<string, Snapshot>();
  /** Another account of a turn is another entry. */
  readonly told: TurnTold[] = [];
  readonly #accounts = new Map<string, string>();
  readonly #temporal: TemporalClient;

  constructor(address: string) {
    this.#temporal = temporalAt(address);
  }

  async ask(key: SessionKey): Promise<Snapshot> {
    const snapshot = await askSession(this.#temporal, key, QUERY_MS);
    this.#note(sessionPath(key), snapshot);
    return snapshot;
  }

  /** Asks for each of the sessions now and then until `signal` aborts. One that does not answer is asked the next time. */
  async watch(keys: readonly SessionKey[], everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      await Promise.allSettled(keys.map((key) => this.ask(key)));
    }
  }

  /** Whether the session's workflow has continued as new at least once. One that was never begun has not. */
  async hasContinued(key: SessionKey): Promise<boolean> {
    if (!this.newest.has(sessionPath(key))) return false;
    const { runId, raw } = await this.#temporal.workflow.getHandle(workflowIdOf(key)).describe();
    return raw.workflowExecutionInfo?.firstRunId !== runId;
  }

  async close(): Promise<void> {
    await this.#temporal.connection.close();
  }

  #note(session: string, snapshot: Snapshot): void {
    this.newest.set(session, snapshot);
    for (const turn of snapshot.turns) {
      const [what, account] = [`${session} ${turn.turn}`, canonical(turn)];
      if (this.#accounts.get(what) === account) continue;
      this.#accounts.set(what, account);
      this.told.push({ session, turn });
    }
  }
}
