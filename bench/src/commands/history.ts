import { setTimeout as sleep } from "node:timers/promises";
import type { TemporalClient } from "@holdfast/test/kit/temporal";
import type { LoadSession, LoadTarget } from "../load/session.ts";
import { Recorder } from "../measure/recorder.ts";
import type { CommonOptions } from "../options.ts";
import { machine, printJson, say } from "../report/report.ts";
import { withSystem } from "./run.ts";

export interface HistoryOptions extends CommonOptions {
  /** Turn numbers at which to look, ascending. */
  at: number[];
}

/** Turns over which one figure is averaged, so that an odd one does not make it: this many before and after the turn. */
const STRETCH = 5;
/** Runs last for more turns than one stretch has: the second or third lies within one. */
const MOST_STRETCHES = 5;

interface HistoryCost {
  turn: number;
  eventsPerTurn: number;
  bytesPerTurn: number;
}

/** One session, turn after turn: what each adds to the workflow's history, early and late in the conversation. */
export function history(options: HistoryOptions): Promise<number> {
  return withSystem(options, async ({ targets, temporal }) => {
    const costs: Record<string, HistoryCost[]> = {};
    for (const target of targets.filter(({ name }) => name !== "floor")) {
      say(`· ${target.name}: ${Math.max(...options.at) + STRETCH} turns`);
      costs[target.name] = await measure(target, temporal, options.at);
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
  const [session] = await target.open(1, new Recorder());
  const workflowId = session?.workflowId;
  if (session === undefined || workflowId === undefined) throw new Error(`${target.name} has no workflow to look at.`);

  /** A session continues as a new run every now and then; two runs' sizes say nothing about a turn. The next stretch does. */
  const measureAround = async (turn: number): Promise<HistoryCost> => {
    await runTurns(session, turn - STRETCH);
    let before = await readSize(client, workflowId);
    for (let stretch = 0; stretch < MOST_STRETCHES; stretch++) {
      const middle = session.offered.input + STRETCH;
      await runTurns(session, middle + STRETCH);
      const after = await readSize(client, workflowId);
      const perTurn = (of: "events" | "bytes"): number => (after[of] - before[of]) / (2 * STRETCH);
      if (before.runId === after.runId)
        return { turn: middle, eventsPerTurn: perTurn("events"), bytesPerTurn: perTurn("bytes") };
      before = after;
    }
    throw new Error(`From turn ${turn} on no run lasted ${2 * STRETCH} turns.`);
  };

  const costs: HistoryCost[] = [];
  for (const turn of at) costs.push(await measureAround(turn));
  return costs;
}

async function runTurns(session: LoadSession, until: number): Promise<void> {
  while (session.offered.input < until) {
    const settled = new Promise<void>((resolve) => {
      session.onSettled = resolve;
    });
    session.offer(["input"], performance.now(), false);
    await settled;
  }
}

/** The history's size once nothing more is being added to it: the same twice in a row. */
async function readSize(client: TemporalClient, workflowId: string) {
  const handle = client.workflow.getHandle(workflowId);
  for (let last = -1; ; await sleep(300)) {
    const { runId, historyLength: events, historySize: bytes = 0 } = await handle.describe();
    if (events === last) return { runId, events, bytes };
    last = events;
  }
}
