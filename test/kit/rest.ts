import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import { appliedObserves } from "./checker.ts";
import { differ } from "./difference.ts";
import type { History } from "./history.ts";
import { type Participant, sessionsOf } from "./participant.ts";
import { reasonOf, Transcripts } from "./temporal.ts";

/**
 * Milliseconds until a rest that does not come is given up: after the last strike, and after the last sign of life (a
 * frame, an ack, a turn under way).
 */
export interface Patience {
  readonly inAll: number;
  readonly inSilence: number;
}

const PATIENCE: Patience = { inAll: 120_000, inSilence: 120_000 };
/** Clients may have said more than was answered: so much longer for each input of the session that has most to answer. */
const PER_INPUT_MS = 2_000;
/** A process that wakes late, or a call made again, may write after all has come to rest once. */
const STEADY_MS = 2_500;

export interface Rested extends Required<Pick<History, "transcripts" | "told" | "hangs">> {
  /** Sessions whose workflow has continued as new at least once. */
  continued: number;
  /** Milliseconds it took to come to the rest it stayed in. */
  tookMs: number;
}

/** Waits until every event is durable and applied, every reader holds what its workflow answers, and all of it stays so. */
export async function rest(
  participants: readonly Participant[],
  address: string,
  { inAll, inSilence }: Patience = PATIENCE,
): Promise<Rested> {
  const transcripts = new Transcripts(address);
  const { newest, told } = transcripts;
  const keys = sessionsOf(participants);
  const began = performance.now();
  let seen = { progress: "", at: began };
  let restedAt: number | undefined;
  let allowedMs: number | undefined;
  try {
    for (;;) {
      const silent = await silentOf(transcripts, keys);
      const sessions = keys.map((key) => progressOf(sessionPath(key), participants, newest));
      const hangs = [...participants.flatMap(undelivered), ...silent, ...sessions.flatMap(({ hangs: of }) => of)];
      const now = performance.now();
      const progress = JSON.stringify([participants.map(signsOf), [...newest.values()].map(({ version }) => version)]);
      const isWorking = [...newest.values()].some(({ running }) => running !== null);
      if (hangs.length > 0) restedAt = undefined;
      else if (restedAt === undefined || progress !== seen.progress) restedAt = now;
      if (isWorking || progress !== seen.progress) seen = { progress, at: now };
      allowedMs ??= inAll + PER_INPUT_MS * Math.max(0, ...sessions.map(({ owed }) => owed));
      const isSteady = restedAt !== undefined && now - restedAt > STEADY_MS;
      if (isSteady || now - began > allowedMs || (restedAt === undefined && now - seen.at > inSilence)) {
        if (!isSteady && hangs.length === 0) hangs.push("what has come to rest does not stay so");
        const continued = (await Promise.all(keys.map((key) => transcripts.hasContinued(key)))).filter(Boolean).length;
        return { transcripts: newest, told, hangs, continued, tookMs: Math.round((restedAt ?? now) - began) };
      }
      await sleep(250);
    }
  } finally {
    await transcripts.close();
  }
}

/** Asks every session's workflow, and says which did not answer. */
async function silentOf(transcripts: Transcripts, keys: readonly SessionKey[]): Promise<string[]> {
  const answers = await Promise.allSettled(keys.map((key) => transcripts.ask(key)));
  return answers.flatMap((answer, index) => {
    const key = keys[index];
    if (answer.status === "fulfilled" || key === undefined) return [];
    return [`${sessionPath(key)} does not answer: ${reasonOf(answer.reason)}`];
  });
}

const undelivered = ({ name, sent }: Participant): string[] =>
  sent.filter(({ durable }) => !durable).map(({ seq }) => `${name}#${seq} is not durable`);

/** Differs whenever anything has happened to a client. */
const signsOf = (client: Participant): number[] => [
  client.sent.filter(({ durable }) => durable).length,
  client.record().frames.length,
];

/** What one session still has to do, in words, and for how many inputs it has no turn. */
function progressOf(
  path: string,
  all: readonly Participant[],
  transcripts: ReadonlyMap<string, Snapshot>,
): { owed: number; hangs: string[] } {
  const members = all.filter((participant) => participant.path === path);
  const sent = members.flatMap((member) => member.sent);
  const inputs = sent.filter(({ kind }) => kind === "input").length;
  const truth = transcripts.get(path);
  // A snapshot has the newest turns only, but each has its number.
  const turns = truth?.turns.at(-1)?.turn ?? 0;
  const owed = inputs - turns;
  if (truth === undefined) return { owed, hangs: [`${path} has no transcript`] };
  if (truth.running || owed > 0) return { owed, hangs: [`${path} has ${turns} turns of ${inputs}`] };
  const [observes, observed] = [appliedObserves(truth), sent.length - inputs];
  if (observes < observed) return { owed, hangs: [`${path} observed ${observes} of ${observed}`] };
  const hangs = members.flatMap((member) => {
    const difference = differ(member.view(), truth);
    return difference === undefined ? [] : [`${member.name} does not hold the transcript: ${difference}`];
  });
  return { owed, hangs };
}
