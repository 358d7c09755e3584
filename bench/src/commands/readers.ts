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
  const { close, edges, log } = await withUndo((undo) => start(options, undo));
  try {
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
    await close();
  }
}

async function start({ checkouts }: ReadersOptions, undo: Undo): Promise<{ log: SessionLog; edges: MeasuredEdge[] }> {
  const valkey = await startValkey();
  undo(() => valkey.stop());
  const redis = new Redis(valkey.url);
  undo(() => redis.disconnect());
  undo(forgetProcesses);
  const edges: MeasuredEdge[] = [];
  for (const checkout of checkouts) edges.push(await startEdge(resolve(checkout), valkey.url, undo));
  return { log: new SessionLog(redis), edges };
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

type Figure = Awaited<ReturnType<typeof measure>>;

let windows = 0;

async function measure(
  { checkout, url, pid }: MeasuredEdge,
  log: SessionLog,
  count: number,
  { sessions, rate, warmup, seconds }: ReadersOptions,
) {
  const window = ++windows;
  const names = Array.from({ length: sessions }, (_, n) => `read-${window}-${n}`);
  const ending = new AbortController();
  const { close, clients } = await withUndo(async (undo) => {
    const keys = names.map((name): SessionKey => ({ tenant: "acme", owner: SUBJECT, name }));
    const writing = await Promise.all(keys.map((key) => startWriting(log, key, rate, ending.signal)));
    undo(() => Promise.all(writing.map(({ ended }) => ended)));
    undo(() => ending.abort());
    const token = await mintToken(JWT_SECRET, { subject: SUBJECT });
    const plan: ReadingPlan = { url, token, sessions: names, readers: count };
    const child = await Child.start(new URL("../load/reading-clients.ts", import.meta.url), plan);
    undo(() => child.kill());
    return { clients: child };
  });
  try {
    await sleep(warmup * 1_000);
    const before = await read(pid, clients);
    await sleep(seconds * 1_000);
    const after = await read(pid, clients);
    const [cpu, frames] = [after.cpuSeconds - before.cpuSeconds, after.frames - before.frames];
    const took = after.at - before.at;
    return {
      checkout,
      readers: count,
      framesPerSecond: frames / took,
      cores: cpu / took,
      /** CPU of the edge's process for each frame that reached a reader. */
      microsecondsPerFrame: (cpu * 1e6) / frames,
    };
  } finally {
    await close();
  }
}

const countSchema = z.object({ frames: z.number() });

/** CPU, and what was delivered by then. Times in seconds. */
async function read(pid: number, clients: Child): Promise<{ at: number; cpuSeconds: number; frames: number }> {
  const order: CountOrder = { order: "count" };
  const { frames } = countSchema.parse(await clients.tell(order, ANSWER_WITHIN_MS));
  const { cpuSeconds } = await readProcesses([{ name: "edge", pid, oneThread: true }]);
  if (cpuSeconds["edge"] === undefined) throw new Error("The edge has ended.");
  return { at: performance.now() / 1_000, cpuSeconds: cpuSeconds["edge"], frames };
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
