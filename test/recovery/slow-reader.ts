import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Scene } from "../conformance/stack.ts";
import { EdgeProbe, type EdgePeaks, scrape, sumOf } from "./edge-probe.ts";
import { type KernelQueues, kernelQueues } from "./slow-reader-kernel.ts";
import { sleepersReportSchema, type SleepersPlan } from "./slow-reader-protocol.ts";
import { River } from "./slow-reader-river.ts";
import type { WatcherRecord } from "./slow-reader-watcher.ts";
import { ToldProcess } from "./told-process.ts";

export interface SlowReaderPlan {
  /** The edge they are all at. */
  edge: number;
  /** Readers that stop reading, all of one session. */
  sleepers: number;
  /** Who reads the same session and goes on, and sessions beside it with a reader each. */
  companions: number;
  others: number;
  /** The model's script for that session's answers, and for the others'. */
  script: string;
  otherScript: string;
  /** They read nothing for at least so long. */
  seconds: number;
  /** The log is cut behind their backs. */
  trim: boolean;
  /** They stop for so long that the edge gives them up; else they must stay connected. */
  untilGivenUp: boolean;
}

/** One stretch of time, as those who read on and the edge saw it. */
export interface Stretch {
  /** Milliseconds from a frame's append to its reader, of the session that has sleepers, and of others. */
  companionLags: number[];
  otherLags: number[];
  peaks: EdgePeaks;
  kernel: KernelQueues | undefined;
  openFiles: number;
}

export interface SlowReaderResult {
  before: Stretch;
  during: Stretch;
  after: Stretch;
  turns: number;
  /** Turns that ended for the others while nobody of the sleepers read. */
  passed: number;
  catchUpMs: number;
  sleepers: WatcherRecord[];
  companions: WatcherRecord[];
  others: WatcherRecord[];
}

/** Bounds on a hang, not on the speed of a machine. */
const HANG_MS = 300_000;
const SLEEPERS = new URL("./slow-reader-sleepers.ts", import.meta.url);
const POLL_MS = 100;

/** Readers stop reading in the middle of a fast stream and go on later. Everybody at one edge. */
export async function slowReader(
  { stack }: Scene,
  plan: SlowReaderPlan,
  onPhase: (phase: string) => void,
): Promise<SlowReaderResult> {
  const edge = stack.edgeUrls[plan.edge] ?? "";
  const subject = `river-${Date.now().toString(36)}`;
  const place = { stack, edge, subject };
  const river = new River({ ...place, session: "river", script: plan.script, readers: plan.companions });
  const brooks = Array.from(
    { length: plan.others },
    (_, index) => new River({ ...place, session: `brook-${index}`, script: plan.otherScript, readers: 1 }),
  );
  const sleepersPlan: SleepersPlan = {
    edge,
    jwtSecret: stack.jwtSecret,
    subject,
    session: "river",
    script: plan.script,
    count: plan.sleepers,
  };
  const sleepers = new ToldProcess(SLEEPERS, sleepersPlan);
  const probe = new EdgeProbe([edge]);
  const stretch = async (): Promise<Stretch> => ({
    companionLags: river.takeLags(),
    otherLags: brooks.flatMap((brook) => brook.takeLags()),
    peaks: probe.takePeaks().get(edge) ?? fail("The edge was not watched."),
    kernel: await kernelQueues(Number(new URL(edge).port)),
    openFiles: sumOf(await scrape(edge), "process_open_fds"),
  });
  try {
    await sleepers.tell({ order: "open" }, HANG_MS);
    await Promise.all([river, ...brooks].map((one) => one.start()));
    await river.pass(1);
    probe.takePeaks();
    onPhase("everybody reads");
    await Promise.all([river.pass(2), sleep((plan.seconds * 1_000) / 4)]);
    const before = await stretch();

    onPhase(`${plan.sleepers} stop reading`);
    const stoppedAt = river.turn;
    const givenUp = await pingTimeouts(edge);
    sleepers.signal("SIGSTOP");
    const isStopped = plan.untilGivenUp
      ? async () => (await pingTimeouts(edge)) - givenUp >= plan.sleepers
      : async () => (await pausedReaders(edge)) >= plan.sleepers;
    await Promise.all([until(isStopped), sleep(plan.seconds * 1_000)]);
    await river.pass(2);
    const during = await stretch();
    if (plan.trim) await trimLog(stack.redisUrl, subject);
    const passed = river.turn - stoppedAt;

    onPhase("they go on");
    const wokenAt = performance.now();
    sleepers.signal("SIGCONT");
    const turns = await river.stop();
    await sleepers.tell({ order: "reach", turn: turns }, HANG_MS);
    const catchUpMs = performance.now() - wokenAt;
    await Promise.all(brooks.map((brook) => brook.stop()));
    const after = await stretch();
    const { readers } = sleepersReportSchema.parse(await sleepers.tell({ order: "report" }, HANG_MS));
    return {
      before,
      during,
      after,
      turns,
      passed,
      catchUpMs,
      sleepers: readers,
      companions: river.records,
      others: brooks.flatMap((brook) => brook.records),
    };
  } finally {
    sleepers.stop();
    await probe.stop();
    await Promise.all([river, ...brooks].map((one) => one.leave()));
  }
}

async function pausedReaders(edge: string): Promise<number> {
  return sumOf(await scrape(edge), "holdfast_edge_paused_readers");
}

async function pingTimeouts(edge: string): Promise<number> {
  return sumOf(await scrape(edge), "holdfast_edge_disconnects_total", 'reason="ping timeout"');
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + HANG_MS;
  while (!(await check())) {
    if (performance.now() > deadline) fail("The edge did not notice that readers stopped reading.");
    await sleep(POLL_MS);
  }
}

/** As the log does it by itself, only sooner: nothing is left of what the sleepers did not read. */
async function trimLog(url: string, subject: string): Promise<void> {
  const redis = new Redis(url);
  await redis.xtrim(`hf:{acme/${subject}/river}:log`, "MAXLEN", "=", 1);
  redis.disconnect();
}

function fail(sentence: string): never {
  throw new Error(sentence);
}
