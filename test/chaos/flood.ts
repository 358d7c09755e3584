import { setTimeout as sleep } from "node:timers/promises";
import { workflowIdOf } from "@holdfast/contract";
import type { Participant } from "../kit/participant.ts";
import { type TemporalClient, withTemporal } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";

/** A burst that is more than a run may take, and then a steady stream that a workflow can keep up with for as long as it lasts. */
const FLOOD = { burst: 60, burstGapMs: 15, gapMs: 200, observesPerInput: 30, mostWaiting: 100 };
/** Long enough for Temporal and the orchestrator to be struck meanwhile and to come back. */
const LONGEST_MS = 60_000;

/**
 * More signals than a run of a workflow may take. They keep coming until every session has continued as new: it must do so
 * under the flood, not when it is over.
 */
export async function flood(participants: readonly Participant[], address: string): Promise<void> {
  const sessions = Map.groupBy(participants, ({ path }) => path);
  await withTemporal(address, (temporal) =>
    Promise.all([...sessions.values()].map((members) => floodSession(members, temporal))),
  );
}

async function floodSession(members: readonly Participant[], temporal: TemporalClient): Promise<void> {
  const [{ key } = {}] = members;
  if (key === undefined) return;
  const id = workflowIdOf(key);
  let first: string | undefined;
  let isOver = false;
  const isContinued = async (): Promise<boolean> => {
    // It rejects while the session has no workflow, and while Temporal does not answer.
    const { runId } = await temporal.workflow.getHandle(id).describe();
    first ??= runId;
    return runId !== first;
  };
  const watched = until(`${id} continues as new under the flood`, isContinued, LONGEST_MS, 100).finally(() => {
    isOver = true;
  });
  await Promise.all([watched, ...members.map((member) => pour(member, () => isOver))]);
}

async function pour(participant: Participant, isEnough: () => boolean): Promise<void> {
  for (let poured = 0; poured < FLOOD.burst || !isEnough();) {
    // A client's outbox is bounded, and what it refuses was never sent.
    if (participant.sent.filter(({ durable }) => !durable).length < FLOOD.mostWaiting) {
      participant.observe("flood");
      if (++poured % FLOOD.observesPerInput === 0) participant.say(`${participant.name} floods ${poured}`);
    } else if (isEnough()) return;
    await sleep(poured < FLOOD.burst ? FLOOD.burstGapMs : FLOOD.gapMs);
  }
}
