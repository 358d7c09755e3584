import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { startValkey } from "@holdfast/stack/servers";
import { mintToken } from "@holdfast/stack/token";
import { Child } from "@holdfast/test/kit/child-process";
import { type Undo, withUndo } from "@holdfast/test/kit/fixture";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { until } from "@holdfast/test/kit/wait";
import getPort from "get-port";
import { Redis } from "ioredis";
import { z } from "zod";
import type { CountOrder, ReadingPlan } from "../load/reading-clients.ts";
import { forgetProcesses, readProcesses } from "../measure/window.ts";
import { machine, printJson, say } from "../report/report.ts";

export interface ReadersOptions {
  /** Root folders of checkouts whose edges are measured, in turns. */
  checkouts: string[];
  /** Readers of one session; each count is measured. */
  readers: number[];
  sessions: number;
  /** Deltas a second that each session's writer appends. */
  rate: number;
  seconds: number;
  warmup: number;
  rounds: number;
}

const JWT_SECRET = "a secret for the bench only";
const SUBJECT = "reader";
/** What a worker sends every 40 ms of a model that speaks a token each 10 ms. */
const TEXT = "four more tokens of it. ";
const DELTAS_OF_A_TURN = 250;
/** Bounds on a hang. */
const UP_WITHIN_MS = 120_000;
const ANSWER_WITHIN_MS = 60_000;

/** What one frame costs an edge that hands it to many readers: CPU of the edge's process alone. */
export async function readers(options: ReadersOptions): Promise<number> {
  const { close } = await withUndo(async (undo) => {
    const valkey = await startValkey();
    undo(() => valkey.stop());
    const redis = new Redis(valkey.url);
    undo(() => redis.disconnect());
    undo(forgetProcesses);
    const edges: MeasuredEdge[] = [];
    for (const checkout of options.checkouts) edges.push(await startEdge(resolve(checkout), valkey.url, undo));
    const figures: Figure[] = [];
    const lanes = options.readers.flatMap((count) => edges.map((edge) => ({ count, edge })));
    for (let round = 1; round <= options.rounds; round++) {
      for (const { count, edge } of lanes) {
        const figure = await measure(edge, new SessionLog(redis), count, options);
        figures.push(figure);
        say(`· round ${round}: ${lineOf(figure)}`);
      }
    }
    const medians = lanes.map(({ count, edge: { checkout } }) =>
      median(figures.filter((figure) => figure.checkout === checkout && figure.readers === count)),
    );
    say("medians:");
    for (const figure of medians) say(`  ${lineOf(figure)}`);
    printJson({ command: "readers", options, machine: machine(), medians, figures });
    return {};
  });
  await close();
  return 0;
}

interface MeasuredEdge {
  checkout: string;
  url: string;
  pid: number;
}

/**
 * The edge of a checkout as a process. It has no Temporal: nothing is sent, and logs are noted as verified, so that no
 * snapshot needs a Query.
 */
async function startEdge(checkout: string, redisUrl: string, undo: Undo): Promise<MeasuredEdge> {
  const port = await getPort();
  const env = {
    HOLDFAST_PORT: `${port}`,
    HOLDFAST_REDIS_URL: redisUrl,
    HOLDFAST_TEMPORAL_ADDRESS: "127.0.0.1:1",
    HOLDFAST_JWT_SECRET: JWT_SECRET,
    HOLDFAST_LOG_LEVEL: "error",
    // A machine that does something else as well may be slow to connect so many.
    HOLDFAST_CONNECT_TIMEOUT_MS: "120000",
    HOLDFAST_SUPERVISED: "1",
  };
  const child = spawn(process.execPath, ["apps/edge/src/main.ts"], {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: ["pipe", "ignore", "inherit"],
  });
  const exited = once(child, "exit");
  undo(() => {
    child.kill("SIGKILL");
    return exited;
  });
  const url = `http://127.0.0.1:${port}`;
  const isUp = async (): Promise<boolean> => child.exitCode !== null || (await fetch(`${url}/healthz`)).ok;
  await until(`the edge of ${checkout} is up`, isUp, UP_WITHIN_MS);
  if (child.exitCode !== null || child.pid === undefined)
    throw new Error(`The edge of ${checkout} ended: is it a checkout with its packages?`);
  return { checkout, url, pid: child.pid };
}

interface Figure {
  checkout: string;
  readers: number;
  framesPerSecond: number;
  cores: number;
  /** CPU of the edge's process for each frame that reached a reader. */
  microsecondsPerFrame: number;
}

let windows = 0;

async function measure(
  { checkout, url, pid }: MeasuredEdge,
  log: SessionLog,
  count: number,
  { sessions, rate, warmup, seconds }: ReadersOptions,
): Promise<Figure> {
  const window = ++windows;
  const names = Array.from({ length: sessions }, (_, n) => `read-${window}-${n}`);
  const { close, ...figure } = await withUndo(async (undo) => {
    const ending = new AbortController();
    const writing = await Promise.all(names.map((name) => startWriting(log, name, rate, ending.signal)));
    undo(() => Promise.all(writing.map(({ ended }) => ended)));
    undo(() => ending.abort());
    const plan: ReadingPlan = {
      url,
      token: await mintToken(JWT_SECRET, { subject: SUBJECT }),
      sessions: names,
      readers: count,
    };
    const clients = await Child.start(new URL("../load/reading-clients.ts", import.meta.url), plan);
    undo(() => clients.kill());
    await sleep(warmup * 1_000);
    const before = await read(pid, clients);
    await sleep(seconds * 1_000);
    const after = await read(pid, clients);
    const [cpu, frames, took] = [after.cpu - before.cpu, after.frames - before.frames, after.at - before.at];
    const microsecondsPerFrame = (cpu * 1e6) / frames;
    return { checkout, readers: count, framesPerSecond: frames / took, cores: cpu / took, microsecondsPerFrame };
  });
  await close();
  return figure;
}

const countSchema = z.object({ frames: z.number() });

/** CPU, and what was delivered by then. Times in seconds. */
async function read(pid: number, clients: Child): Promise<{ at: number; cpu: number; frames: number }> {
  const order: CountOrder = { order: "count" };
  const { frames } = countSchema.parse(await clients.tell(order, ANSWER_WITHIN_MS));
  const { edge: cpu } = (await readProcesses([{ name: "edge", pid, oneThread: true }])).cpuSeconds;
  if (cpu === undefined) throw new Error("The edge has ended.");
  return { at: performance.now() / 1_000, cpu, frames };
}

/** Appends deltas at a fixed rate, as a worker does, and ends a turn now and then, as its workflow does. */
async function startWriting(
  log: SessionLog,
  name: string,
  rate: number,
  ending: AbortSignal,
): Promise<{ ended: Promise<void> }> {
  const key: SessionKey = { tenant: "acme", owner: SUBJECT, name };
  const writer = new LogWriter(log, key);
  const write = async (): Promise<void> => {
    const startedAt = performance.now();
    for (let written = 0; !ending.aborted; written++) {
      await sleep(Math.max(0, startedAt + (written * 1_000) / rate - performance.now()));
      await writer.say(TEXT);
      if ((written + 1) % DELTAS_OF_A_TURN !== 0) continue;
      await writer.end();
      await writer.begin();
    }
  };
  await writer.begin();
  await log.markVerified(key, (await log.verification(key)).replicationId);
  return { ended: write() };
}

function median(figures: Figure[]): Figure {
  const sorted = figures.toSorted((a, b) => a.microsecondsPerFrame - b.microsecondsPerFrame);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) throw new Error("Nothing was measured.");
  return middle;
}

function lineOf({ checkout, readers: count, framesPerSecond, cores, microsecondsPerFrame }: Figure): string {
  const cost = `${microsecondsPerFrame.toFixed(1)} µs of CPU a frame`;
  return `${count} readers: ${cost} (${Math.round(framesPerSecond)} frames/s, ${cores.toFixed(2)} cores; ${checkout})`;
}
