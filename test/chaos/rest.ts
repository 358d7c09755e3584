import { setTimeout as sleep } from "node:timers/promises";
import {
  QUERY_SNAPSHOT,
  type SessionKey,
  sessionPath,
  type SessionTruth,
  type Snapshot,
  workflowIdOf,
} from "@holdfast/contract";
import { connectTemporal } from "@holdfast/service/temporal";
import type { WorkflowHandle } from "@temporalio/client";
import { appliedObserves, differ } from "./checker.ts";
import type { History } from "./history.ts";
import type { Participant } from "./participant.ts";

/**
 * Milliseconds until a rest that does not come is given up: after the last strike, and after the last sign of life (a
 * frame, an ack, a turn under way).
 */
export interface Patience {
  readonly inAll: number;
  readonly inSilence: number;
}

const PATIENCE: Patience = { inAll: 120_000, inSilence: 120_000 };

export interface Rested extends Pick<History, "transcripts" | "hangs"> {
  /** Sessions whose workflow has continued as new at least once. */
  continued: number;
}

/** Waits until every event is durable and applied, and every reader holds what its workflow answers. */
export async function rest(
  participants: readonly Participant[],
  address: string,
  { inAll, inSilence }: Patience = PATIENCE,
): Promise<Rested> {
  const temporal = connectTemporal({
    HOLDFAST_TEMPORAL_ADDRESS: address,
    HOLDFAST_TEMPORAL_NAMESPACE: "default",
    HOLDFAST_TEMPORAL_TLS: false,
  });
  const keys = new Map(participants.map(({ key }) => [sessionPath(key), key]));
  const truthOf = async (key: SessionKey): Promise<Snapshot> =>
    (await temporal.workflow.getHandle(workflowIdOf(key)).query<SessionTruth>(QUERY_SNAPSHOT)).snapshot;
  const transcripts = new Map<string, Snapshot>();
  const began = performance.now();
  let hangs: string[] = [];
  let seen = { progress: "", at: began };
  let continued = 0;
  try {
    for (;;) {
      hangs = participants.flatMap(undelivered);
      for (const [path, key] of keys) {
        try {
          transcripts.set(path, await truthOf(key));
        } catch (error) {
          hangs.push(`${path} does not answer: ${String(error)}`);
        }
      }
      hangs.push(...participants.flatMap((participant) => unrest(participant, participants, transcripts)));
      const now = performance.now();
      const progress = progressOf(participants, transcripts);
      const isWorking = [...transcripts.values()].some(({ running }) => running !== null);
      if (isWorking || progress !== seen.progress) seen = { progress, at: now };
      if (hangs.length === 0 || now - began > inAll || now - seen.at > inSilence) break;
      await sleep(250);
    }
    for (const [path, key] of keys)
      // One that was never begun has not.
      if (transcripts.has(path) && (await hasContinued(temporal.workflow.getHandle(workflowIdOf(key))))) continued++;
  } finally {
    await temporal.connection.close();
  }
  return { transcripts, hangs, continued };
}

/** Differs whenever anything has happened to anyone. */
function progressOf(participants: readonly Participant[], transcripts: ReadonlyMap<string, Snapshot>): string {
  const clients = participants.map((each) => [
    each.sent.filter(({ durable }) => durable).length,
    each.record().frames.length,
  ]);
  return JSON.stringify([clients, [...transcripts.values()].map(({ version }) => version)]);
}

async function hasContinued(handle: WorkflowHandle): Promise<boolean> {
  const { runId, raw } = await handle.describe();
  return raw.workflowExecutionInfo?.firstRunId !== runId;
}

function undelivered({ name, sent }: Participant): string[] {
  return sent.filter(({ durable }) => !durable).map(({ seq }) => `${name}#${seq} is not durable`);
}

function unrest(participant: Participant, all: readonly Participant[], transcripts: Map<string, Snapshot>): string[] {
  const record = participant.record();
  const truth = transcripts.get(record.session);
  if (truth === undefined) return [`${record.session} has no transcript`];
  const sent = all.filter(({ key }) => sessionPath(key) === record.session).flatMap((each) => each.sent);
  const inputs = sent.filter(({ kind }) => kind === "input").length;
  if (truth.running || truth.turns.length < inputs)
    return [`${record.session} has ${truth.turns.length} turns of ${inputs}`];
  const observes = appliedObserves(truth);
  if (observes < sent.length - inputs) return [`${record.session} observed ${observes} of ${sent.length - inputs}`];
  const difference = differ(record.final, truth);
  return difference === undefined ? [] : [`${participant.name} does not hold the transcript: ${difference}`];
}
