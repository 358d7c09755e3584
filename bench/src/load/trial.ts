import { setTimeout as sleep } from "node:timers/promises";
import { sum } from "@holdfast/test/kit/statistics";
import { inLanes, until } from "@holdfast/test/kit/wait";
import { Recorder } from "../measure/recorder.ts";
import { type Gauges, openWindow, type WindowCounts } from "../measure/window.ts";
import { type LoadShape, offerLoad } from "./pacer.ts";
import type { LoadTarget } from "./session.ts";

export interface TrialOptions {
  sessions: number;
  shape: LoadShape;
  /** Seconds of load before each window, in no figure. */
  warmup: number;
  /** Of one window; a trial has as many as `round` is called. */
  seconds: number;
}

/** Longer than any backlog a run that is worth its figures leaves behind. */
const SETTLE_TIMEOUT_MS = 180_000;
const VERIFIED_AT_A_TIME = 8;

export type Trial = Awaited<ReturnType<typeof prepareTrial>>;
export type TrialFigures = Awaited<ReturnType<Trial["figures"]>>;

/** One target under one load, measured in several windows so that other targets can be measured between them. */
export async function prepareTrial(
  target: LoadTarget,
  { sessions: count, shape, warmup, seconds }: TrialOptions,
  shared: Gauges,
) {
  const gauges = { ...shared, processes: [...shared.processes, ...target.processes] };
  const recorder = new Recorder();
  const windows: WindowCounts[] = [];
  /** Sentences; empty when nothing was lost, duplicated or garbled. */
  const faults: string[] = [];
  const sessions = await target.open(count, recorder);
  const unsettled = (): number => sum(sessions, (session) => session.unsettled);

  /** Warm-up, one measured window, and the wait until everything under way has settled. */
  const round = async (): Promise<void> => {
    let counting = false;
    const milliseconds = (warmup + seconds) * 1_000;
    const offering = offerLoad(shape, { sessions, recorder, milliseconds, isCounted: () => counting });
    await sleep(warmup * 1_000);
    const close = await openWindow(gauges, recorder);
    counting = true;
    await sleep(seconds * 1_000);
    windows.push(await close());
    await offering;
    await until("all is settled", () => unsettled() === 0, SETTLE_TIMEOUT_MS, 50).catch(() => {
      faults.push(`${unsettled()} events of ${target.name} were not settled after the load had ended.`);
    });
  };

  /** Compares what was sent with what the system holds. Call after the last round. */
  const figures = async () => {
    await inLanes(VERIFIED_AT_A_TIME, sessions, async (session) => void faults.push(...(await session.verify())));
    return { latency: recorder.latencies(), windows, processes: gauges.processes, notes: recorder.notes, faults };
  };

  return { target, round, figures };
}
