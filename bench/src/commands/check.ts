import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { CommonOptions } from "../options.ts";
import { compare, machine, printJson, ratios, say, sayComparison, sayFaults, type Summary } from "../report/report.ts";
import { withSystem } from "./run.ts";

const RECORDED = new URL("../../recorded.json", import.meta.url);

/** Holdfast's figures over bare Temporal's in the same run, of which more is better or less is. */
const JUDGED = {
  turnsPerSecond: "more",
  cpuPerTurn: "less",
  idleDurable: "less",
  idleFirst: "less",
  idleFinal: "less",
} as const;
type Judged = keyof typeof JUDGED;
const NAMES = Object.keys(JUDGED).filter((name): name is Judged => name in JUDGED);

const recordedSchema = z.record(z.enum(NAMES), z.number().positive());
export type Ratios = z.infer<typeof recordedSchema>;

export interface CheckOptions extends CommonOptions {
  /** How much worse a ratio may be than the recorded one, as a part of it. */
  margin: number;
  record: boolean;
}

/** What a turn costs and what a person waits, against bare Temporal and against what was recorded. Gives the process's exit code. */
export async function check(options: CheckOptions): Promise<number> {
  const before = options.record ? undefined : await readRecorded();
  return withSystem(options, async (system) => {
    const closed = { loop: "closed", kind: "input", inFlight: 1 } as const;
    const loaded = await compare(system, { ...options, shape: { ...closed, pauseMs: 0 } });
    const idle = await compare(system, { ...options, sessions: 1, shape: { ...closed, pauseMs: 250 } });
    for (const comparison of [loaded, idle]) sayComparison(comparison);
    const found = ratiosOf(loaded.targets, idle.targets);
    if (options.record) await writeFile(RECORDED, `${JSON.stringify(found, undefined, 2)}\n`);
    const recorded = before ?? found;
    const worse = worseThan(recorded, found, options.margin);
    for (const name of NAMES)
      say(`${name.padEnd(16)} ${found[name].toFixed(2)} (recorded ${recorded[name].toFixed(2)})`);
    for (const sentence of worse) say(`WORSE ${sentence}`);
    printJson({ command: "check", machine: machine(), found, recorded, worse });
    const faults = [loaded, idle].flatMap(({ targets }) => Object.values(targets).flatMap((target) => target.faults));
    return sayFaults(faults) && worse.length === 0;
  });
}

async function readRecorded(): Promise<Ratios> {
  const text = await readFile(RECORDED, "utf8").catch(() => {
    throw new Error(
      "Nothing is recorded yet: run `npm run bench -- check --record` on a machine that does nothing else.",
    );
  });
  return recordedSchema.parse(JSON.parse(text));
}

function ratiosOf(loaded: Record<string, Summary>, idle: Record<string, Summary>): Ratios {
  const [underLoad, alone] = [toBare(loaded), toBare(idle)];
  return recordedSchema.parse({
    turnsPerSecond: underLoad.turnsPerSecond,
    cpuPerTurn: underLoad.cpuPerTurn,
    idleDurable: alone.eventToDurableP50,
    idleFirst: alone.eventToFirstDeltaP50,
    idleFinal: alone.eventToFinalP50,
  });
}

function toBare({ holdfast, bareTemporal }: Record<string, Summary>) {
  if (holdfast === undefined || bareTemporal === undefined)
    throw new Error("Holdfast is compared with bare Temporal: --targets has to name both.");
  return ratios(holdfast, bareTemporal);
}

/** One sentence for each ratio that is worse than the recorded one by more than `margin` of it. */
export function worseThan(recorded: Ratios, found: Ratios, margin: number): string[] {
  return NAMES.filter((name) => {
    if (JUDGED[name] === "more") return found[name] < recorded[name] / (1 + margin);
    return found[name] > recorded[name] * (1 + margin);
  }).map(
    (name) => `${name}: ${found[name].toFixed(2)} times bare Temporal's, recorded is ${recorded[name].toFixed(2)}.`,
  );
}
