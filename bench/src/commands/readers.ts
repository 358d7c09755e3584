import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { Child } from "@holdfast/test/kit/child-process";
import { startValkey } from "@holdfast/stack/servers";
import { mintToken } from "@holdfast/stack/token";
import getPort from "get-port";
import { Redis } from "ioredis";
import { z } from "zod";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import type { ReadingPlan } from "../load/reading-clients.ts";
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

interface Figure {
  checkout: string;
  readers: number;
  framesPerSecond: number;
  cores: number;
  /** CPU of the edge's process for each frame that reached a reader. */
  microsecondsPerFrame: number;
}

interface MeasuredEdge {
  checkout: string;
  url: string;
  pid: number;
  stop(): Promise<void>;
}

const JWT_SECRET = "a secret for the bench only";
const SUBJECT = "reader";
/** What a worker sends every 40 ms of a model that speaks a token each 10 ms. */
const TEXT = "four more tokens of it. ";
const DELTAS_OF_A_TURN = 250;

/** What one frame costs an edge that hands it to many readers: CPU of the edge's process alone. */
export async function readers(options: ReadersOptions): Promise<number> {
  const valkey = await startValkey();
  const redis = new Redis(valkey.url);
  const edges: MeasuredEdge[] = [];
  try {
    const log = new SessionLog(redis);
    for (const checkout of options.checkouts) edges.push(await startEdge(resolve(checkout), valkey.url));
    const figures: Figure[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      for (const count of options.readers) {
        for (const edge of edges) {
          const figure = await measure(edge, log, count, options);
          figures.push(figure);
          say(`· round ${round}: ${lineOf(figure)}`);
        }
      }
    }
    const medians = options.readers.flatMap((count) =>
      edges.map(({ checkout }) => median(figures.filter((f) => f.checkout === checkout && f.readers === count))),
    );
    say("medians:");
    for (const figure of medians) say(`  ${lineOf(figure)}`);
    printJson({ command: "readers", options, machine: machine(), medians, figures });
    return 0;
  } finally {
    for (const edge of edges) await edge.stop();
    forgetProcesses();
    redis.disconnect();
    await valkey.stop();
  }
}

/**
 * The edge of a checkout as a process. It has no Temporal: nothing is sent, and logs are noted as verified, so that no
 * snapshot needs a Query.
 */
async function startEdge(checkout: string, redisUrl: string): Promise<MeasuredEdge> {
  const port = await getPort();
  const child = spawn(process.execPath, ["apps/edge/src/main.ts"], {
    cwd: checkout,
    env: {
      ...process.env,
      HOLDFAST_PORT: `${port}`,
      HOLDFAST_REDIS_URL: redisUrl,
      HOLDFAST_TEMPORAL_ADDRESS: "127.0.0.1:1",
      HOLDFAST_JWT_SECRET: JWT_SECRET,
      HOLDFAST_LOG_LEVEL: "error",
      // A machine that does something else as well may be slow to connect so many.
      HOLDFAST_CONNECT_TIMEOUT_MS: "120000",
      HOLDFAST_SUPERVISED: "1",
    },
    stdio: ["pipe", "ignore", "inherit"],
  });
  const exited = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  const { pid } = child;
  if (pid === undefined) throw new Error(`The edge of ${checkout} did not start.`);
  while (!(await isUp(url))) {
    if (child.exitCode !== null) throw new Error(`The edge of ${checkout} ended: is it a checkout with its packages?`);
    await sleep(50);
  }
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return { checkout, url, pid, stop };
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`)).ok;
  } catch {
    return false;
  }
}

let windows = 0;

async function measure(edge: MeasuredEdge, log: SessionLog, count: number, options: ReadersOptions): Promise<Figure> {
  const window = ++windows;
  const keys = Array.from({ length: options.sessions }, (_, n): SessionKey => ({
    tenant: "acme",
    owner: SUBJECT,
    name: `read-${window}-${n}`,
  }));
  const ending = new AbortController();
  const writers = await Promise.all(keys.map((key) => startWriting(log, key, options.rate, ending.signal)));
  const reports = new Reports();
  let clients: Child | undefined;
  try {
    const plan: ReadingPlan = {
      url: edge.url,
      token: await mintToken(JWT_SECRET, { subject: SUBJECT }),
      sessions: keys.map(({ name }) => name),
      readers: count,
    };
    clients = await Child.start(new URL("../load/reading-clients.ts", import.meta.url), plan, {
      onMessage: (message) => reports.take(message),
    });
    await sleep(options.warmup * 1_000);
    const before = await read(edge, reports);
    await sleep(options.seconds * 1_000);
    const after = await read(edge, reports);
    const [cpu, frames] = [after.cpuSeconds - before.cpuSeconds, after.frames - before.frames];
    const seconds = (after.at - before.at) / 1_000;
    return {
      checkout: edge.checkout,
      readers: count,
      framesPerSecond: frames / seconds,
      cores: cpu / seconds,
      microsecondsPerFrame: (cpu * 1e6) / frames,
    };
  } finally {
    ending.abort();
    await clients?.kill();
    await Promise.all(writers.map(({ ended }) => ended));
  }
}

/** CPU, and what was delivered by then: read at the moment a report comes. */
async function read(edge: MeasuredEdge, reports: Reports): Promise<{ at: number; cpuSeconds: number; frames: number }> {
  const frames = await reports.next();
  const readings = await readProcesses([{ name: "edge", pid: edge.pid, oneThread: true }]);
  const cpuSeconds = readings.get("edge")?.cpuSeconds;
  if (cpuSeconds === undefined) throw new Error("The edge has ended.");
  return { at: performance.now(), cpuSeconds, frames };
}

const reportSchema = z.object({ frames: z.number() });

/** What the clients' process says of itself. */
class Reports {
  #waiting: ((frames: number) => void)[] = [];

  take(message: unknown): void {
    const { frames } = reportSchema.parse(message);
    for (const resolve of this.#waiting.splice(0)) resolve(frames);
  }

  async next(): Promise<number> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Appends deltas at a fixed rate, as a worker does, and ends a turn now and then, as its workflow does. */
async function startWriting(
  log: SessionLog,
  key: SessionKey,
  rate: number,
  ending: AbortSignal,
): Promise<{ ended: Promise<void> }> {
  const writer = new LogWriter(log, key);
  const write = async (): Promise<void> => {
    const startedAt = performance.now();
    for (let written = 0; !ending.aborted;) {
      if (written > 0) await writer.begin();
      for (let delta = 0; delta < DELTAS_OF_A_TURN && !ending.aborted; delta++, written++) {
        await sleep(Math.max(0, startedAt + (written * 1_000) / rate - performance.now()));
        await writer.say(TEXT);
      }
      await writer.end();
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
