import { type SessionKey, sessionPath } from "@holdfast/contract";
import { answersIn, modelCallsOf } from "./answers.ts";
import type { Arena } from "./arena.ts";
import { Cables } from "./cables.ts";
import { check, type Violation } from "./checker.ts";
import { crashesIn } from "./crashes.ts";
import { type CrowdPlan, enlist, talk } from "./crowd.ts";
import type { Fault } from "./faults.ts";
import type { History } from "./history.ts";
import { sessionsOf } from "./participant.ts";
import { rest } from "./rest.ts";
import { type Blow, scheduleOf, type Strike } from "./schedule.ts";
import { longest, recoveries, silencesOf } from "./silence.ts";
import { type Battlefield, strikeAll } from "./strikes.ts";
import { Transcripts } from "./transcripts.ts";

/** Who talks in a run, and for how long. */
export interface TalkPlan {
  /** Begins the names of its sessions; no other run in the same arena has it. Which node holds a session follows from it. */
  name: string;
  seed: number;
  /** How long clients talk. */
  durationMs: number;
  clients: number;
  /** How many times longer than usual clients wait before they speak again. */
  slowness?: number;
}

export interface RunPlan extends TalkPlan {
  faults: readonly Fault[];
  onStrike?: (strike: Strike) => void;
}

/** What befalls a run. */
export interface Attack {
  /** Resolves with the blows that fell when everything that was struck is back. */
  strike(field: Battlefield, clock: () => number): Promise<readonly Blow[]>;
  /** Milliseconds it may take. A bound on a hang. */
  withinMs: number;
}

export interface RunResult {
  seed: number;
  strikes: readonly Blow[];
  history: History;
  violations: Violation[];
  acked: number;
  /** Milliseconds: the longest a reader that was owed something was given nothing. */
  longestSilenceMs: number;
  /** Milliseconds from each strike until the reader it hit hardest was given its next frame. */
  recoveriesMs: number[];
  /** From the end of the strikes until every reader held the workflow's transcript. */
  settledMs: number;
  /** Sessions whose workflow continued as new. */
  continued: number;
}

/** A session passes what its snapshot keeps in about a hundred seconds. */
const WATCH_MS = 15_000;
/** How long strikes may take beyond the clients' talk: what was struck has to come back. A bound on a hang. */
const STRIKES_MS = 180_000;

/** One run under the faults of a seeded schedule. */
export function run(arena: Arena, plan: RunPlan): Promise<RunResult> {
  const schedule = scheduleOf(plan.seed, plan.durationMs, plan.faults);
  return runUnder(arena, plan, {
    strike: (field, clock) => strikeAll(field, schedule, clock, plan.onStrike),
    withinMs: plan.durationMs + STRIKES_MS,
  });
}

/** Clients talk while they are under attack; then everything must come to rest, and the checker looks at all of it. */
export async function runUnder(arena: Arena, plan: TalkPlan, attack: Attack): Promise<RunResult> {
  const cables = await Cables.lay(plan.clients, arena.stack.edgeUrls);
  const began = performance.now();
  const clock = (): number => Math.round(performance.now() - began);
  const interrupts: string[] = [];
  const onInterrupt = (key: SessionKey): void => void interrupts.push(sessionPath(key));
  let isUnderFire = true;
  const crowd: CrowdPlan = { ...plan, run: plan.name, clock, onInterrupt, isUnderFire: () => isUnderFire };
  const participants = enlist(crowd, arena.stack, cables);
  const callsBefore = arena.model.calls.at(-1)?.number ?? 0;
  const onTheWay = new Transcripts(arena.stack.temporalAddress);
  const watching = new AbortController();
  const watched = onTheWay.watch(sessionsOf(participants), WATCH_MS, watching.signal);
  try {
    const field: Battlefield = { ...arena, cables, participants };
    const struck = inTime(attack.strike(field, clock), attack.withinMs).finally(() => (isUnderFire = false));
    const [{ strikes, hangs: missed }] = await Promise.all([struck, talk(participants, crowd)]);
    watching.abort();
    await watched;
    const { transcripts, told, hangs, continued, tookMs } = await rest(participants, arena.stack.temporalAddress);
    const modelCalls = modelCallsOf(arena.model.calls.filter(({ number }) => number > callsBefore));
    if ((arena.model.calls[0]?.number ?? 0) > callsBefore + 1)
      missed.push("the run was too long to be checked whole: the model has forgotten its first calls");
    const history: History = {
      sent: participants.flatMap(({ sent }) => sent),
      transcripts,
      told: [...onTheWay.told, ...told],
      readers: participants.map((participant) => participant.record()),
      modelCalls,
      answers: answersIn(modelCalls),
      interrupts,
      crashes: crashesIn(arena.exits(), began),
      hangs: [...missed, ...hangs],
    };
    const silences = silencesOf(history);
    return {
      seed: plan.seed,
      strikes,
      history,
      violations: check(history),
      acked: history.sent.filter(({ durable }) => durable).length,
      longestSilenceMs: longest(silences),
      recoveriesMs: recoveries(strikes, silences),
      settledMs: tookMs,
      continued,
    };
  } finally {
    watching.abort();
    await onTheWay.close();
    await Promise.allSettled(participants.map((participant) => participant.close()));
    await cables.close();
  }
}

/** Strikes that went wrong, or are not over in time, are told as what they may well be. The run is judged all the same. */
async function inTime(
  strikes: Promise<readonly Blow[]>,
  withinMs: number,
): Promise<{ strikes: readonly Blow[]; hangs: string[] }> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, withinMs, `strikes are not over after ${withinMs / 1_000} s`);
  try {
    const outcome = await Promise.race([strikes, late]);
    return typeof outcome === "string" ? { strikes: [], hangs: [outcome] } : { strikes: outcome, hangs: [] };
  } catch (error) {
    return { strikes: [], hangs: [`a strike went wrong: ${String(error)}`] };
  } finally {
    clearTimeout(timer);
  }
}
