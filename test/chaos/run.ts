import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  QUERY_SNAPSHOT,
  type SessionKey,
  sessionPath,
  type SessionTruth,
  type Snapshot,
  workflowIdOf,
} from "@holdfast/contract";
import { answerTokens, parseScript } from "@holdfast/model-server";
import { connectTemporal } from "@holdfast/service/temporal";
import { startScene } from "../conformance/stack.ts";
import { check, differ, type Violation } from "./checker.ts";
import type { History } from "./history.ts";
import { Network } from "./network.ts";
import type { Participant } from "./participant.ts";
import { RawParticipant } from "./raw-participant.ts";
import { type Fault, randomFrom, scheduleOf, type Strike } from "./schedule.ts";
import { SdkParticipant, type ParticipantPlan } from "./sdk-participant.ts";
import { type Battlefield, CALM, strike } from "./strikes.ts";

export interface RunPlan {
  seed: number;
  durationMs: number;
  clients: number;
  faults: readonly Fault[];
  /** Environment of the apps, to run a build that is broken on purpose. */
  env?: Record<string, Record<string, string>>;
  onStrike?: (strike: Strike) => void;
}

export interface RunResult {
  schedule: Strike[];
  history: History;
  violations: Violation[];
  acked: number;
  /** Milliseconds: the longest a reader waited for the next frame while something it had sent was unanswered. */
  longestSilenceMs: number;
  /** From the end of the strikes until every reader held the workflow's transcript. */
  settledMs: number;
}

/** Everything has to come to rest within this, after the last strike. */
const REST_MS = 120_000;

/** One run: clients talk while faults strike; then everything must come to rest, and the checker looks at all of it. */
export async function run(plan: RunPlan): Promise<RunResult> {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-chaos-"));
  const scene = await startScene({ dir, persist: true, edges: 2, inference: 2, ...(plan.env && { env: plan.env }) });
  scene.model.setDefault(CALM);
  const networks = await Promise.all(scene.stack.edgeUrls.map((url) => Network.before(url)));
  const field: Battlefield = { ...scene, networks };
  const participants: Participant[] = [];
  try {
    const schedule = scheduleOf(plan.seed, plan.durationMs, plan.faults);
    const began = performance.now();
    const clock = (): number => Math.round(performance.now() - began);
    participants.push(...enlist(plan.clients, field, clock));
    await Promise.all([talk(participants, plan, clock), strikeAll(field, schedule, clock, plan.onStrike)]);
    const rested = performance.now();
    const { transcripts, hangs } = await rest(participants, scene.stack.temporalAddress);
    const script = parseScript(CALM);
    const history: History = {
      sent: participants.flatMap(({ sent }) => sent),
      transcripts,
      readers: participants.map((participant) => participant.record()),
      answer: (text) => answerTokens(text, script).join(""),
      hangs,
    };
    return {
      schedule,
      history,
      violations: check(history),
      acked: history.sent.filter(({ durable }) => durable).length,
      longestSilenceMs: longestSilence(history),
      settledMs: Math.round(performance.now() - rested),
    };
  } finally {
    await Promise.allSettled(participants.map((participant) => participant.close()));
    await Promise.allSettled(networks.map((network) => network.close()));
    await scene.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Every session has two clients, like two tabs; one client in three knows nothing but SPEC.md. */
function enlist(clients: number, { stack, networks }: Battlefield, clock: () => number): Participant[] {
  return Array.from({ length: clients }, (_, index) => {
    const subject = `user-${Math.floor(index / 2) + 1}`;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const edges = networks.map(({ url }) => url);
    const rotated = [...edges.slice(index % edges.length), ...edges.slice(0, index % edges.length)];
    const plan: ParticipantPlan = {
      name: `client-${index + 1}`,
      key,
      edges: rotated,
      token: () => stack.token({ subject }),
      clock,
    };
    return index % 3 === 2 ? new RawParticipant(plan) : new SdkParticipant(plan);
  });
}

/** Each client says something every 0.4–1.6 s; what it says depends on the seed alone, when not. */
async function talk(participants: Participant[], plan: RunPlan, clock: () => number): Promise<void> {
  await Promise.all(
    participants.map(async (participant, index) => {
      const random = randomFrom(plan.seed * 1_000 + index);
      for (let said = 1; clock() < plan.durationMs; said++) {
        participant.say(`${participant.name} says ${said}`);
        await sleep(400 + random() * 1_200);
      }
    }),
  );
}

async function strikeAll(
  field: Battlefield,
  schedule: Strike[],
  clock: () => number,
  onStrike: RunPlan["onStrike"],
): Promise<void> {
  const strikes = schedule.map(async (planned) => {
    await sleep(Math.max(0, planned.atMs - clock()));
    onStrike?.(planned);
    await strike(field, planned);
  });
  await Promise.all(strikes);
  await Promise.all(field.stack.children().map(({ name }) => field.stack.whenReady(name)));
}

/** Waits until every input is durable and in a turn, and every reader holds what its workflow answers. */
async function rest(participants: Participant[], address: string): Promise<Pick<History, "transcripts" | "hangs">> {
  const temporal = connectTemporal({
    HOLDFAST_TEMPORAL_ADDRESS: address,
    HOLDFAST_TEMPORAL_NAMESPACE: "default",
    HOLDFAST_TEMPORAL_TLS: false,
  });
  const keys = new Map(participants.map(({ key }) => [sessionPath(key), key]));
  const transcripts = new Map<string, Snapshot>();
  let hangs: string[] = [];
  for (const until = performance.now() + REST_MS; performance.now() < until; await sleep(250)) {
    hangs = participants.flatMap((p) =>
      p.sent.filter(({ durable }) => !durable).map(({ seq }) => `${p.name}#${seq} is not durable`),
    );
    if (hangs.length > 0) continue;
    for (const [path, key] of keys) {
      try {
        const handle = temporal.workflow.getHandle(workflowIdOf(key));
        transcripts.set(path, (await handle.query<SessionTruth>(QUERY_SNAPSHOT)).snapshot);
      } catch (error) {
        hangs.push(`${path} does not answer: ${String(error)}`);
      }
    }
    hangs.push(...participants.flatMap((participant) => unrest(participant, participants, transcripts)));
    if (hangs.length === 0) break;
  }
  await temporal.connection.close();
  return { transcripts, hangs };
}

function unrest(participant: Participant, all: Participant[], transcripts: Map<string, Snapshot>): string[] {
  const record = participant.record();
  const truth = transcripts.get(record.session);
  if (truth === undefined) return [`${record.session} has no transcript`];
  const expected = all
    .filter(({ key }) => sessionPath(key) === record.session)
    .reduce((sum, { sent }) => sum + sent.length, 0);
  if (truth.running || truth.turns.length < expected)
    return [`${record.session} has ${truth.turns.length} turns of ${expected}`];
  const difference = differ(record.final, truth);
  return difference === undefined ? [] : [`${participant.name} does not hold the transcript: ${difference}`];
}

function longestSilence({ readers }: History): number {
  return Math.max(
    0,
    ...readers.flatMap(({ frames }) => frames.map(({ at }, index) => at - (frames[index - 1]?.at ?? at))),
  );
}
