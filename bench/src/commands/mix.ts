import type { LoadShape } from "../load/pacer.ts";
import type { EventKind } from "../load/session.ts";
import { prepareTrial } from "../load/trial.ts";
import { joinWindows } from "../measure/window.ts";
import type { CommonOptions } from "../options.ts";
import { say, summarize } from "../report/report.ts";
import type { System } from "../system/system.ts";
import { compareAndReport } from "./run.ts";

export interface MixOptions extends CommonOptions {
  /** Events per second over all sessions. */
  rate: number;
  observes: number;
  search: boolean;
  /** Length of one probe. */
  searchSeconds: number;
  /** A rate is sustained only while 99 % of events are durable, and of turns final, within so many milliseconds. */
  searchP99: number;
}

/** Days are even in this bench; peaks are what the search is for. */
export function mix(options: MixOptions): Promise<number> {
  const { rate, observes, search, arrivals, seed } = options;
  const burst: EventKind[] = ["input", ...Array.from({ length: observes }, (): EventKind => "observe")];
  const shapeOf = (kinds: EventKind[], perSecond: number): LoadShape => {
    return { loop: "open", burst: kinds, burstsPerSecond: perSecond / kinds.length, arrivals, seed };
  };
  return compareAndReport("mix", options, shapeOf(burst, rate), async (_, system) => {
    if (!search) return { figures: {} };
    const highestOf = (label: string, kinds: EventKind[], startRate: number) =>
      findHighestRate(system, label, (perSecond) => shapeOf(kinds, perSecond), startRate, options);
    const highest = {
      mix: await highestOf("mix", burst, rate),
      inputs: await highestOf("inputs", ["input"], rate / 2),
    };
    return {
      figures: { highest },
      faults: Object.values(highest).flatMap((probes) => probes.flatMap((p) => p.faults)),
    };
  });
}

/** What may be offered in a window and not durable by its end: a share, or the few that are always under way. */
const LEFT_OVER_SHARE = 0.03;
const LEFT_OVER_EVENTS = 20;
/** The search ends when the highest rate that held and the lowest that did not are this close. */
const CLOSE_ENOUGH = 1.08;
const WARMUP_SECONDS = 5;

/** Doubles the rate until it does not hold, then goes to the middle of what held and what did not. */
export async function searchRates(startRate: number, holds: (rate: number) => Promise<boolean>): Promise<void> {
  let held = 0;
  let failed = Infinity;
  for (let rate = startRate; failed > Math.max(held, 1) * CLOSE_ENOUGH; rate = nextRate(held, failed)) {
    if (await holds(rate)) held = rate;
    else failed = rate;
  }
}

function nextRate(held: number, failed: number): number {
  if (failed === Infinity) return held * 2;
  return held === 0 ? failed / 2 : Math.sqrt(held * failed);
}

/** One rate that was tried. */
type Probe = Awaited<ReturnType<typeof probeRate>>;
type SearchOptions = Pick<MixOptions, "sessions" | "searchSeconds" | "searchP99">;

/** Gives every probe, the highest rate that held last. */
async function findHighestRate(
  system: System,
  label: string,
  shapeOf: (perSecond: number) => LoadShape,
  startRate: number,
  options: SearchOptions,
): Promise<Probe[]> {
  const probes: Probe[] = [];
  const holds = async (rate: number): Promise<boolean> => {
    const probe = await probeRate(system, shapeOf(rate), rate, options);
    probes.push(probe);
    say(`· ${label} at ${rate.toFixed(0)} events/s: ${verdict(probe)}`);
    return probe.sustained;
  };
  // A rate that did not hold is tried once more: one bad moment of the machine must not end the search.
  await searchRates(startRate, async (rate) => (await holds(rate)) || (await holds(rate)));
  return probes.toSorted(
    (a, b) => Number(a.sustained) - Number(b.sustained) || a.offeredPerSecond - b.offeredPerSecond,
  );
}

async function probeRate(
  system: System,
  shape: LoadShape,
  rate: number,
  { sessions, searchSeconds: seconds, searchP99 }: SearchOptions,
) {
  const target = system.targets.find(({ name }) => name === "holdfast");
  if (target === undefined) throw new Error("The search needs the target holdfast: add it to --targets.");
  const trial = await prepareTrial(target, { sessions, shape, warmup: WARMUP_SECONDS, seconds }, system.gauges);
  await trial.round();
  const figures = await trial.figures();
  await target.closeSessions();
  const { durablePerSecond, durablePerDay, latency, saturation, faults } = summarize(figures);
  const { offered, durable } = joinWindows(figures.windows);
  const isBehind = offered - durable > Math.max(LEFT_OVER_SHARE * offered, LEFT_OVER_EVENTS);
  const [eventToDurableP99, eventToFinalP99] = [latency.eventToDurable.p99, latency.eventToFinal.p99];
  const isSlow = [eventToDurableP99, eventToFinalP99].some((p99) => p99 !== null && p99 > searchP99);
  return {
    offeredPerSecond: rate,
    durablePerSecond,
    durablePerDay,
    sustained: !isBehind && !isSlow && faults.length === 0,
    eventToDurableP99,
    eventToFinalP99,
    saturation,
    faults,
  };
}

function verdict(probe: Probe): string {
  const { limit, largest, largestCores } = probe.saturation;
  return (
    `${probe.sustained ? "held" : "not held"}, ` +
    `${probe.durablePerSecond.toFixed(0)}/s durable (${(probe.durablePerDay / 1_000_000).toFixed(1)} million a day), ` +
    `p99 durable ${probe.eventToDurableP99?.toFixed(0)} ms, final ${probe.eventToFinalP99?.toFixed(0)} ms, ` +
    `limit: ${limit}, most CPU: ${largest} (${largestCores.toFixed(2)} cores)`
  );
}
