import { setTimeout as sleep } from "node:timers/promises";
import { answerTokens, type Call, parseScript } from "@holdfast/model-server";
import { type Arena, CALM } from "./arena.ts";
import { Cables } from "./cables.ts";
import { check, type Violation } from "./checker.ts";
import { type CrowdPlan, enlist, talk } from "./crowd.ts";
import type { Fault } from "./faults.ts";
import type { History } from "./history.ts";
import { rest } from "./rest.ts";
import { scheduleOf, type Strike } from "./schedule.ts";
import { longest, recoveries, silencesOf } from "./silence.ts";
import { type Battlefield, strike } from "./strikes.ts";

export interface RunPlan {
  seed: number;
  /** How long clients talk. */
  durationMs: number;
  clients: number;
  faults: readonly Fault[];
  onStrike?: (strike: Strike) => void;
}

export interface RunResult {
  seed: number;
  schedule: Strike[];
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

let runs = 0;

/** One run: clients talk while faults strike; then everything must come to rest, and the checker looks at all of it. */
export async function run(arena: Arena, plan: RunPlan): Promise<RunResult> {
  const cables = await Cables.lay(plan.clients, arena.stack.edgeUrls);
  const schedule = scheduleOf(plan.seed, plan.durationMs, plan.faults);
  const began = performance.now();
  const clock = (): number => Math.round(performance.now() - began);
  const crowd: CrowdPlan = { ...plan, run: `run-${++runs}`, clock };
  const participants = enlist(crowd, arena.stack, cables);
  const callsBefore = arena.model.calls.at(-1)?.number ?? 0;
  try {
    const field: Battlefield = { ...arena, cables, participants };
    await Promise.all([talk(participants, crowd), strikeAll(field, schedule, clock, plan.onStrike)]);
    const rested = performance.now();
    const { transcripts, hangs, continued } = await rest(participants, arena.stack.temporalAddress);
    const script = parseScript(CALM);
    const history: History = {
      sent: participants.flatMap(({ sent }) => sent),
      transcripts,
      readers: participants.map((participant) => participant.record()),
      modelCalls: arena.model.calls.filter(({ number }) => number > callsBefore).map(callText),
      answer: (text) => answerTokens(text, script).join(""),
      hangs,
    };
    const silences = silencesOf(history);
    return {
      seed: plan.seed,
      schedule,
      history,
      violations: check(history),
      acked: history.sent.filter(({ durable }) => durable).length,
      longestSilenceMs: longest(silences),
      recoveriesMs: recoveries(schedule, silences),
      settledMs: Math.round(performance.now() - rested),
      continued,
    };
  } finally {
    await Promise.allSettled(participants.map((participant) => participant.close()));
    await cables.close();
  }
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

function callText({ messages }: Call): { text: string } {
  return { text: messages.findLast(({ role }) => role === "user")?.content ?? "" };
}
