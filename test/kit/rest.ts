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

type Transcribed = ReadonlyMap<string, Snapshot>;

/** Waits until every event is durable and applied, every reader holds what its workflow answers, and all of it stays so. */
export async function rest(
  participants: readonly Participant[],
  address: string,
  { inAll, inSilence }: Patience = PATIENCE,
): Promise<Rested> {
  const transcripts = new Transcripts(address);
  const keys = sessionsOf(participants);
  const began = performance.now();
  let seen = { progress: "", at: began };
  let restedAt: number | undefined;
  let allowedMs: number | undefined;
  try {
    for (;;) {
      const hangs = [
        ...participants.flatMap(undelivered),
        ...(await askAll(transcripts, keys)),
        ...participants.flatMap((participant) => unrest(participant, participants, transcripts.newest)),
      ];
      const now = performance.now();
      const progress = progressOf(participants, transcripts.newest);
      const isWorking = [...transcripts.newest.values()].some(({ running }) => running !== null);
      if (hangs.length > 0) restedAt = undefined;
      else if (restedAt === undefined || progress !== seen.progress) restedAt = now;
      if (isWorking || progress !== seen.progress) seen = { progress, at: now };
      allowedMs ??= inAll + PER_INPUT_MS * mostOwed(participants, keys, transcripts.newest);
      const isSteady = restedAt !== undefined && now - restedAt > STEADY_MS;
      if (isSteady || now - began > allowedMs || (restedAt === undefined && now - seen.at > inSilence)) {
        if (!isSteady && hangs.length === 0) hangs.push("what has come to rest does not stay so");
        const continued = await Promise.all(keys.map((key) => transcripts.hasContinued(key)));
        return {
          transcripts: transcripts.newest,
          told: transcripts.told,
          hangs,
          continued: continued.filter(Boolean).length,
          tookMs: Math.round((restedAt ?? now) - began),
        };
      }
      await sleep(250);
    }
  } finally {
    await transcripts.close();
  }
}

/** What did not answer. */
async function askAll(transcripts: Transcripts, keys: readonly SessionKey[]): Promise<string[]> {
  const answers = keys.map(async (key) =>
    transcripts.ask(key).then(
      () => [],
      (error: unknown) => [`${sessionPath(key)} does not answer: ${reasonOf(error)}`],
    ),
  );
  return (await Promise.all(answers)).flat();
}

/** Differs whenever anything has happened to anyone. */
function progressOf(participants: readonly Participant[], transcripts: Transcribed): string {
  const clients = participants.map((each) => [
    each.sent.filter(({ durable }) => durable).length,
    each.record().frames.length,
  ]);
  return JSON.stringify([clients, [...transcripts.values()].map(({ version }) => version)]);
}

function undelivered({ name, sent }: Participant): string[] {
  return sent.filter(({ durable }) => !durable).map(({ seq }) => `${name}#${seq} is not durable`);
}

/** Inputs without a turn, of the session that has most of them. */
function mostOwed(all: readonly Participant[], keys: readonly SessionKey[], transcripts: Transcribed): number {
  const owed = keys.map(sessionPath).map((path) => inputsOf(path, all) - turnsOf(transcripts.get(path)));
  return Math.max(0, ...owed);
}

const sentIn = (session: string, all: readonly Participant[]) =>
  all.filter(({ path }) => path === session).flatMap(({ sent }) => sent);
const inputsOf = (session: string, all: readonly Participant[]): number =>
  sentIn(session, all).filter(({ kind }) => kind === "input").length;
/** A snapshot has the newest turns only, but each has its number. */
const turnsOf = (truth: Snapshot | undefined): number => truth?.turns.at(-1)?.turn ?? 0;

function unrest(participant: Participant, all: readonly Participant[], transcripts: Transcribed): string[] {
  const { name, path } = participant;
  const truth = transcripts.get(path);
  if (truth === undefined) return [`${path} has no transcript`];
  const inputs = inputsOf(path, all);
  if (truth.running || turnsOf(truth) < inputs) return [`${path} has ${turnsOf(truth)} turns of ${inputs}`];
  const observed = sentIn(path, all).length - inputs;
  const observes = appliedObserves(truth);
  if (observes < observed) return [`${path} observed ${observes} of ${observed}`];
  const difference = differ(participant.view(), truth);
  return difference === undefined ? [] : [`${name} does not hold the transcript: ${difference}`];
}
