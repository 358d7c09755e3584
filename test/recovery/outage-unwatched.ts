import { type SessionKey, sessionPath, workflowIdOf } from "@holdfast/contract";
import {
  type EventBatch,
  type SessionStart,
  SHARED_LANE,
  SIGNAL_EVENTS,
  TASK_QUEUE_SESSIONS,
  WORKFLOW_TYPE,
} from "@holdfast/internal";
import { SessionLog } from "@holdfast/session-log";
import { Redis } from "ioredis";
import { differ } from "../kit/difference.ts";
import type { SentEvent } from "../kit/history.ts";
import { stateOf, type TemporalClient } from "../kit/temporal.ts";
import type { Rules } from "../kit/wait.ts";

/**
 * Sessions that are spoken to while Redis is away and that no edge follows, as when the edge they were spoken to by is gone:
 * only their workflow can repair their log.
 */
export class UnwatchedSessions {
  readonly keys: readonly SessionKey[];
  readonly sent: SentEvent[] = [];

  constructor(subjects: readonly string[]) {
    this.keys = subjects.map((owner) => ({ tenant: "acme", owner, name: "talk" }));
  }

  /** One input each, as an edge would pass it on. `at`: milliseconds since the run began. */
  async speak(temporal: TemporalClient, at: number): Promise<void> {
    await Promise.all(
      this.keys.map(async (key) => {
        const [producer, text] = [key.owner, `${key.owner} says it and is gone`];
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
  async healed(redisUrl: string, temporal: TemporalClient, rules: Rules): Promise<number[]> {
    if (this.sent.length === 0) return [];
    const redis = new Redis(redisUrl, { commandTimeout: 2_000 });
    redis.on("error", () => undefined);
    const log = new SessionLog(redis);
    try {
      return await Promise.all(
        this.keys.map((key) => {
          const rule = `the log of ${sessionPath(key)}, which nobody watches, is healed`;
          return rules.soon(rule, () => isExact(log, temporal, key));
        }),
      );
    } finally {
      redis.disconnect();
    }
  }
}

async function isExact(log: SessionLog, temporal: TemporalClient, key: SessionKey): Promise<boolean> {
  const held = await log.snapshot(key);
  if (held.outcome === "cold") return false;
  const { epoch, snapshot } = await stateOf(temporal, key);
  return snapshot.running === null && held.epoch === epoch && differ(held.snapshot, snapshot) === undefined;
}
