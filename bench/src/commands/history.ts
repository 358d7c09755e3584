import type { TemporalClient } from "@holdfast/test/kit/temporal";
import type { LoadSession, LoadTarget } from "../load/trial.ts";
import { Recorder } from "../measure/recorder.ts";
import type { CommonOptions } from "../options.ts";
import { machine, printJson, say } from "../report/report.ts";
import { withSystem } from "./run.ts";

export interface HistoryOptions extends CommonOptions {
  /** Turn numbers at which to look, ascending. */
  at: number[];
}

/** Turns over which one figure is averaged, so that an odd one does not make it. */
const STRETCH = 5;
/** Runs last for more turns than one stretch has: the second or third lies within one. */
const MOST_STRETCHES = 5;

interface HistorySize {
  runId: string;
  events: number;
  bytes: number;
}

interface HistoryCost {
  turn: number;
  eventsPerTurn: number;
  bytesPerTurn: number;
}

/** One session, turn after turn: what each adds to the workflow's history, early and late in the conversation. */
export function history(options: HistoryOptions): Promise<number> {
  return withSystem(options, async (system) => {
    const costs: Record<string, HistoryCost[]> = {};
    for (const target of system.targets) {
      if (target.name === "floor") continue;
      say(`· ${target.name}: ${Math.max(...options.at) + STRETCH} turns`);
      costs[target.name] = await measure(target, system.temporal, options.at);
    }
    for (const [name, found] of Object.entries(costs)) {
      for (const { turn, eventsPerTurn, bytesPerTurn } of found) {
        say(`${name}, around turn ${turn}: ${eventsPerTurn} events, ${Math.round(bytesPerTurn)} bytes a turn`);
      }
    }
    printJson({ command: "history", settings: options, machine: machine(), history: costs });
    return true;
  });
}

async function measure(target: LoadTarget, client: TemporalClient, at: number[]): Promise<HistoryCost[]> {
  const recorder = new Recorder();
  const [session] = await target.open(1, (ordinal) => recorder.progressOf(ordinal));
  const workflowId = session?.workflowId;
  if (session === undefined || workflowId === undefined) throw new Error(`${target.name} has no workflow to look at.`);
  const costs: HistoryCost[] = [];
  for (const turn of at) costs.push(await measureAround(turn, session, recorder, () => readSize(client, workflowId)));
  return costs;
}

/** A session continues as a new run every now and then; two runs' sizes say nothing about a turn. The next stretch does. */
async function measureAround(
  turn: number,
  session: LoadSession,
  recorder: Recorder,
  read: () => Promise<HistorySize>,
): Promise<HistoryCost> {
  await runTurns(session, recorder, turn - STRETCH);
  let before = await read();
  for (let stretch = 0; stretch < MOST_STRETCHES; stretch++) {
    const from = session.offered.inputs;
    await runTurns(session, recorder, from + 2 * STRETCH);
    const after = await read();
    if (before.runId === after.runId) {
      return {
        turn: from + STRETCH,
        eventsPerTurn: (after.events - before.events) / (2 * STRETCH),
        bytesPerTurn: (after.bytes - before.bytes) / (2 * STRETCH),
      };
    }
    before = after;
  }
  throw new Error(`From turn ${turn} on no run lasted ${2 * STRETCH} turns.`);
}

async function runTurns(session: LoadSession, recorder: Recorder, until: number): Promise<void> {
  while (session.offered.inputs < until) {
    const settled = new Promise<void>((resolve) => {
      recorder.onSettled = () => resolve();
    });
    session.offer(["input"], performance.now(), false);
    await settled;
  }
}

/** The history's size once nothing more is being added to it: the same twice in a row. */
async function readSize(client: TemporalClient, workflowId: string): Promise<HistorySize> {
  const handle = client.workflow.getHandle(workflowId);
  for (let last = -1; ;) {
    const { runId, historyLength, historySize } = await handle.describe();
    if (historyLength === last) return { runId, events: historyLength, bytes: historySize ?? 0 };
    last = historyLength;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
