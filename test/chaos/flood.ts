import { setTimeout as sleep } from "node:timers/promises";
import { workflowIdOf } from "@holdfast/contract";
import type { Participant } from "../kit/participant.ts";
import { type TemporalClient, withTemporal } from "../kit/temporal.ts";

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
  const deadline = performance.now() + LONGEST_MS;
  const id = workflowIdOf(key);
  let before: string | undefined;
  let isOver = false;
  const watch = async (): Promise<void> => {
    while (!isOver) {
      const now = await runIdOf(temporal, id);
      before ??= now;
      isOver = now !== undefined && now !== before;
      if (performance.now() > deadline) break;
      await sleep(100);
    }
  };
  const watched = watch();
  const until = (): boolean => isOver || performance.now() > deadline;
  await Promise.all([watched, ...members.map((member) => pour(member, until))]);
  if (!isOver) throw new Error(`${id} did not continue as new in ${LONGEST_MS / 1_000} s of flood.`);
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

/** Undefined while the session has no workflow, and while Temporal does not answer. */
async function runIdOf(temporal: TemporalClient, workflowId: string): Promise<string | undefined> {
  const description = await temporal.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  return description?.runId;
}
