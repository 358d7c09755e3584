import type { LoadShape } from "../load/pacer.ts";
import { type EventKind, Trial } from "../load/trial.ts";
import { joinWindows, type Saturation } from "../measure/window.ts";
import type { CommonOptions } from "../options.ts";
import { compare, say, summarize } from "../report/report.ts";
import type { System } from "../system/system.ts";
import { report, trialSettings, withSystem } from "./run.ts";

export interface MixOptions extends CommonOptions {
  /** Events per second over all sessions. */
  rate: number;
  observes: number;
  search: boolean;
  searchSeconds: number;
  searchP99: number;
}

/** Days are even in this bench; peaks are what the search is for. */
export function mix(options: MixOptions): Promise<number> {
  const burst: EventKind[] = ["input", ...Array.from({ length: options.observes }, (): EventKind => "observe")];
  const shapeOf = (kinds: EventKind[], eventsPerSecond: number): LoadShape => ({
    loop: "open",
    burst: kinds,
    burstsPerSecond: eventsPerSecond / kinds.length,
    arrivals: options.arrivals,
    seed: options.seed,
  });
  const shape = shapeOf(burst, options.rate);
  return withSystem(options, async (system) => {
    const comparison = await compare(system, trialSettings(options, shape), options.rounds, (line) => say(`· ${line}`));
    let highest: { mix: Probe[]; inputs: Probe[] } | undefined;
    if (options.search) {
      const limits = { seconds: options.searchSeconds, p99Ms: options.searchP99, sessions: options.sessions };
      highest = {
        mix: await findHighestRate(system, "mix", (rate) => shapeOf(burst, rate), options.rate, limits),
        inputs: await findHighestRate(system, "inputs", (rate) => shapeOf(["input"], rate), options.rate / 2, limits),
      };
    }
    const clean = report("mix", { ...options, shape }, comparison, highest === undefined ? {} : { highest });
    return clean && Object.values(highest ?? {}).every((probes) => probes.every(({ faults }) => faults.length === 0));
  });
}

export interface SearchLimits {
  sessions: number;
  /** Length of one probe. */
  seconds: number;
  /** A rate is sustained only while 99 % of events are durable, and of turns final, within so many milliseconds. */
  p99Ms: number;
}

/** One rate that was tried. */
export interface Probe {
  offeredPerSecond: number;
  durablePerSecond: number;
  durablePerDay: number;
  sustained: boolean;
  eventToDurableP99: number | null;
  eventToFinalP99: number | null;
  saturation: Saturation;
  faults: string[];
}

/** What may be offered in a window and not durable by its end: a share, or the few that are always under way. */
const LEFT_OVER_SHARE = 0.03;
const LEFT_OVER_EVENTS = 20;
/** The search ends when the highest rate that held and the lowest that did not are this close. */
const CLOSE_ENOUGH = 1.08;

/** Doubles the rate until it does not hold, then halves the distance. Gives every probe, the highest that held last. */
export async function findHighestRate(
  system: System,
  label: string,
  shapeOf: (eventsPerSecond: number) => LoadShape,
  startRate: number,
  limits: SearchLimits,
): Promise<Probe[]> {
  const probes: Probe[] = [];
  let held = 0;
  let failed = Infinity;
  for (let rate = startRate; failed > Math.max(held, 1) * CLOSE_ENOUGH; rate = nextRate(held, failed)) {
    const tried = await tryRate(system, label, shapeOf(rate), rate, limits);
    probes.push(...tried);
    const sustained = tried.some((probe) => probe.sustained);
    if (sustained) held = rate;
    else failed = rate;
  }
  return probes.toSorted(
    (a, b) => Number(a.sustained) - Number(b.sustained) || a.offeredPerSecond - b.offeredPerSecond,
  );
}

/** A rate that did not hold is tried once more: one bad moment of the machine must not end the search. */
async function tryRate(
  system: System,
  label: string,
  shape: LoadShape,
  rate: number,
  limits: SearchLimits,
): Promise<Probe[]> {
  const probes: Probe[] = [];
  for (let tries = 0; tries < 2 && !probes.some((probe) => probe.sustained); tries++) {
    const probe = await probeRate(system, shape, rate, limits);
    probes.push(probe);
    say(`· ${label} at ${rate.toFixed(0)} events/s: ${probe.sustained ? "held" : "not held"}, ${verdict(probe)}`);
  }
  return probes;
}

export function nextRate(held: number, failed: number): number {
  if (failed === Infinity) return held * 2;
  return held === 0 ? failed / 2 : Math.sqrt(held * failed);
}

async function probeRate(system: System, shape: LoadShape, rate: number, limits: SearchLimits): Promise<Probe> {
  const target = system.targets.find(({ name }) => name === "holdfast");
  if (target === undefined) throw new Error("The search needs the target holdfast: add it to --targets.");
  const { sessions, seconds, p99Ms } = limits;
  const trial = await Trial.prepare(target, { sessions, shape, warmupSeconds: 5, seconds }, system.gauges);
  await trial.round();
  const figures = await trial.figures();
  await target.closeSessions();
  const summary = summarize(figures, [...system.gauges.processes, ...target.processes]);
  const { eventToDurable, eventToFinal } = summary.latency;
  const { offered, durable } = joinWindows(figures.windows);
  const leftOver = offered - durable;
  const behind = leftOver > Math.max(LEFT_OVER_SHARE * offered, LEFT_OVER_EVENTS);
  const slow = [eventToDurable.p99, eventToFinal.p99].some((p99) => p99 !== null && p99 > p99Ms);
  return {
    offeredPerSecond: rate,
    durablePerSecond: summary.durablePerSecond,
    durablePerDay: summary.durablePerDay,
    sustained: !behind && !slow && summary.faults.length === 0,
    eventToDurableP99: eventToDurable.p99,
    eventToFinalP99: eventToFinal.p99,
    saturation: summary.saturation,
    faults: summary.faults,
  };
}

function verdict({ durablePerSecond, durablePerDay, eventToDurableP99, eventToFinalP99, saturation }: Probe): string {
  const millions = (durablePerDay / 1_000_000).toFixed(1);
  const { limit, largest, largestCores } = saturation;
  return (
    `${durablePerSecond.toFixed(0)}/s durable (${millions} million a day), ` +
    `p99 durable ${eventToDurableP99?.toFixed(0)} ms, final ${eventToFinalP99?.toFixed(0)} ms, ` +
    `limit: ${limit}, most CPU: ${largest} (${largestCores.toFixed(2)} cores)`
  );
}
