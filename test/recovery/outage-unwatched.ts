import { type SessionKey, sessionPath, workflowIdOf } from "@holdfast/contract";
import {
  type EventBatch,
  type SessionStart,
  SHARED_LANE,
  SIGNAL_EVENTS,
  TASK_QUEUE_SESSIONS,
  WORKFLOW_TYPE,
} from "@holdfast/internal";
import type { SessionLog } from "@holdfast/session-log";
import { differ } from "../chaos/checker.ts";
import type { ReaderRecord, SentEvent } from "../chaos/history.ts";
import { OutageClient } from "./outage-client.ts";
import type { OutageCrowd } from "./outage-crowd.ts";
import type { Promises } from "./outage-promises.ts";
import type { TemporalClient } from "../conformance/temporal.ts";
import { truthOf } from "./outage-truth.ts";

/**
 * Sessions that are spoken to while Redis is away and that no edge follows, as when the edge they were spoken to by is gone:
 * only their workflow can heal their log.
 */
export class UnwatchedSessions {
  readonly sent: SentEvent[] = [];
  readonly #crowd: OutageCrowd;
  readonly #subjects: readonly string[];

  constructor(crowd: OutageCrowd, subjects: readonly string[]) {
    this.#crowd = crowd;
    this.#subjects = subjects;
  }

  get keys(): SessionKey[] {
    return this.#subjects.map((subject) => this.#crowd.plan(subject, "x", 0).key);
  }

  /** One input each, as an edge would pass it on. */
  async speak(temporal: TemporalClient): Promise<void> {
    await Promise.all(
      this.keys.map(async (key) => {
        const [producer, text, at] = [key.owner, `${key.owner} says it and is gone`, this.#crowd.clock()];
        const start: SessionStart = { key, agent: "concierge", lane: SHARED_LANE };
        const batch: EventBatch = {
          runs: [{ by: key.owner, producer, at: Date.now(), events: [{ seq: 1, kind: "input", text }] }],
        };
        await temporal.workflow.signalWithStart(WORKFLOW_TYPE, {
          workflowId: workflowIdOf(key),
          taskQueue: TASK_QUEUE_SESSIONS,
          args: [start],
          signal: SIGNAL_EVENTS,
          signalArgs: [batch],
        });
        this.sent.push({ session: sessionPath(key), producer, seq: 1, kind: "input", text, at, durable: true });
      }),
    );
  }

  /** Waits until each log holds what its workflow says. Returns the milliseconds each took, from now. */
  async healed(log: SessionLog, temporal: TemporalClient, promises: Promises): Promise<number[]> {
    return Promise.all(
      this.keys.map((key) => {
        const rule = `the log of ${sessionPath(key)}, which nobody watches, is healed`;
        return promises.soon(rule, () => isExact(log, temporal, key));
      }),
    );
  }

  /** A reader opened now is given the session as it is. */
  async readBy(promises: Promises, versionOf: (key: SessionKey) => number): Promise<ReaderRecord[]> {
    return Promise.all(
      this.#subjects.map(async (subject) => {
        const client = new OutageClient(this.#crowd.plan(subject, "late", 1));
        const version = versionOf(client.key);
        await promises.soon(`open-3: ${client.name} is given its session`, () => client.version >= version);
        const record = client.record();
        await client.close();
        return record;
      }),
    );
  }
}

async function isExact(log: SessionLog, temporal: TemporalClient, key: SessionKey): Promise<boolean> {
  const held = await log.snapshot(key);
  if (held.outcome === "cold") return false;
  const { epoch, snapshot } = await truthOf(temporal, key);
  return snapshot.running === null && held.epoch === epoch && differ(held.snapshot, snapshot) === undefined;
}
