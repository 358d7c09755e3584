import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "../kit/child-process.ts";
import { does, positive, program, whole, wholeOrNone } from "../kit/command-line.ts";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { scrape, sumOf } from "../kit/metrics.ts";
import { answerTo } from "../kit/model-calls.ts";
import { EdgeProbe, kernelQueues } from "../kit/probes.ts";
import { kibibytes } from "../kit/report.ts";
import { quantile, sum } from "../kit/statistics.ts";
import { until } from "../kit/wait.ts";
import type { Reading } from "./chain-reader.ts";
import { withRedis } from "./servers.ts";
import { reportSchema, steadySession } from "./steady-session.ts";

export interface SlowReaderOptions {
  /** The edge they are all at: 0 is the first. */
  edge: number;
  /** Readers that stop reading, all of one session. */
  readers: number;
  /** Who reads the same session and goes on, and sessions beside it with a reader each. */
  companions: number;
  others: number;
  /** The model's script for that session's answers. */
  script: string;
  /** They read nothing for at least so long. */
  seconds: number;
  /** The log is cut behind their backs. */
  trim?: boolean;
  /** They stop for so long that the edge gives them up; else they must stay connected. */
  untilGivenUp?: boolean;
}

type SlowReaderResult = Awaited<ReturnType<typeof slowReader>>;
type Stretch = SlowReaderResult["before"];

/** Bounds on a hang, not on the speed of a machine. */
const HANG_MS = 300_000;
const PROCESS = new URL("./steady-session.ts", import.meta.url);
const OTHER_SCRIPT = "tokens=40,slow=25ms";

/** Readers stop reading in the middle of a fast stream and go on later. Everybody at one edge. */
export async function slowReader({ stack }: Fixture, options: SlowReaderOptions) {
  const edge = stack.edgeUrls[options.edge] ?? "";
  const subject = `slow-${Date.now().toString(36)}`;
  const fast = { edge, jwtSecret: stack.jwtSecret, subject, session: "fast", script: options.script };
  const stream = steadySession({ ...fast, readers: options.companions });
  const others = Array.from({ length: options.others }, (_, index) =>
    steadySession({ ...fast, session: `other-${index}`, script: OTHER_SCRIPT, readers: 1 }),
  );
  const slow = await Child.start(PROCESS, { ...fast, readers: options.readers });
  const probe = new EdgeProbe([edge]);
  /** One stretch of time, as those who read on and the edge saw it. */
  const stretch = async () => ({
    /** Milliseconds from a frame's append to its reader, of the session that has slow readers, and of others. */
    companionLags: stream.takeLags(),
    otherLags: others.flatMap((other) => other.takeLags()),
    peaks: probe.takePeaks().get(edge),
    kernel: await kernelQueues(Number(new URL(edge).port)),
    openFiles: sumOf(await scrape(edge), "process_open_fds"),
  });
  const metric = async (name: string, ...labels: string[]): Promise<number> =>
    sumOf(await scrape(edge), name, ...labels);
  const pingTimeouts = (): Promise<number> => metric("holdfast_edge_disconnects_total", 'reason="ping timeout"');
  const pass = (turns: number): Promise<void> => stream.reached(stream.turn() + turns);
  try {
    await slow.tell({ order: "live" }, HANG_MS);
    await Promise.all([stream, ...others].map((each) => each.live()));
    for (const each of [stream, ...others]) each.begin();
    await pass(1);
    probe.takePeaks();
    await Promise.all([pass(2), sleep((options.seconds * 1_000) / 4)]);
    const before = await stretch();

    const stoppedAt = stream.turn();
    const givenUp = await pingTimeouts();
    slow.signal("SIGSTOP");
    const isStopped = options.untilGivenUp
      ? async () => (await pingTimeouts()) - givenUp >= options.readers
      : async () => (await metric("holdfast_edge_paused_readers")) >= options.readers;
    await Promise.all([
      until("the edge notices that readers stopped reading", isStopped, HANG_MS, 100),
      sleep(options.seconds * 1_000),
    ]);
    await pass(2);
    const during = await stretch();
    // As the log does it by itself, only sooner: nothing is left of what the slow did not read.
    const log = `hf:{acme/${subject}/${fast.session}}:log`;
    if (options.trim) await withRedis(stack.redisUrl, (redis) => redis.xtrim(log, "MAXLEN", "=", 1));
    /** Turns that ended for the others while nobody of the slow read. */
    const passed = stream.turn() - stoppedAt;

    const wokenAt = performance.now();
    slow.signal("SIGCONT");
    const turns = await stream.stop();
    const { readings } = reportSchema.parse(await slow.tell({ order: "reached", turn: turns }, HANG_MS));
    const catchUpMs = performance.now() - wokenAt;
    await Promise.all(others.map((other) => other.stop()));
    const after = await stretch();
    const [companions, beside] = [stream.readings(), others.flatMap((each) => each.readings())];
    return { before, during, after, turns, passed, catchUpMs, slow: readings, companions, others: beside };
  } finally {
    await slow.kill();
    await probe.stop();
    await Promise.all([stream, ...others].map((each) => each.close()));
  }
}

/** `HOLDFAST_SLOW_SOCKET_BYTES`, as it is when nobody sets it. */
const SLOW_SOCKET_BYTES = 256 * 1024;
/** Frames that wait for one socket go in packets of this, and the frame that fills it. */
const PACKET_BYTES = 128 * 1024;
const FRAME_OVERHEAD = 2_048;

const textLengthOf = ({ script }: SlowReaderOptions): number => answerTo("", script).length;

/**
 * The most that may wait for one client in the edge's process, for a session whose turns have texts of `textLength`: the
 * bound, one more packet, and the frame that ends a turn, which carries its whole text.
 */
const boundOf = (textLength: number): number => SLOW_SOCKET_BYTES + PACKET_BYTES + textLength + FRAME_OVERHEAD;

/** Sentences; empty when every promise held. */
export function brokenPromises(options: SlowReaderOptions, result: SlowReaderResult): string[] {
  const { slow, companions, others, turns, during, passed, after } = result;
  const count = (readings: readonly Reading[], what: "breaks" | "snapshots" | "connects"): number =>
    sum(readings, (reading) => reading[what]);
  const everyone = [...slow, ...companions, ...others];
  const all = options.readers;
  const bound = boundOf(textLengthOf(options));
  const most = Math.max(...[during, after].map(({ peaks }) => peaks?.largestSocketBytes ?? Infinity));
  const [connects, wanted] = [count(slow, "connects"), options.untilGivenUp ? 2 * all : all];
  // Each began with one.
  const again = count(slow, "snapshots") - all;
  const promises: [holds: boolean, sentence: string][] = [
    [slow.length === all && slow.every(({ turn }) => turn === turns), "A slow reader did not catch up."],
    [count(everyone, "breaks") === 0, "A frame did not follow the one before it."],
    [passed >= 2, "Who read on did not get on."],
    [count(companions, "snapshots") === options.companions, "A reader that read on lost its place."],
    [most <= bound, `${most} bytes waited for one client, and no more than ${bound} may.`],
    [connects === wanted, `Who was slow connected ${connects} times, not ${wanted}.`],
    options.trim
      ? [again === all, `Of ${all} who missed what the log had lost, ${again} got a snapshot.`]
      : [again <= all, `${all} who were slow got ${again} snapshots.`],
  ];
  const wrong = everyone.flatMap((reading) => reading.wrong);
  return [...wrong, ...promises.flatMap(([holds, sentence]) => (holds ? [] : [sentence]))];
}

/** For people, on standard output. */
function printSlowReader(options: SlowReaderOptions, result: SlowReaderResult): void {
  const { before, during, after } = result;
  const textLength = textLengthOf(options);
  console.log(
    `${options.readers} stopped reading for ${result.passed} of ${result.turns} turns of ${textLength} characters, and caught up in ${Math.round(result.catchUpMs)} ms.`,
  );
  const stretches = Object.entries({ before, "while they slept": during, "while they caught up": after });
  const same = stretches.map(([when, { companionLags }]) => [`same session, ${when}`, lags(companionLags)] as const);
  const other = stretches.map(([when, { otherLags }]) => [`other sessions, ${when}`, lags(otherLags)] as const);
  console.log("From a frame's append to its reader, milliseconds:");
  console.table(Object.fromEntries([...same, ...other]));
  console.log("What it cost the edge (peaks; KiB):");
  console.table(Object.fromEntries(stretches.map(([when, stretch]) => [when, costs(stretch)])));
  console.log(
    [
      `In this process one client costs at most ${kibibytes(boundOf(textLength))} KiB: ${kibibytes(SLOW_SOCKET_BYTES)} (HOLDFAST_SLOW_SOCKET_BYTES), one packet of ${kibibytes(PACKET_BYTES)}, and the frame that`,
      `fills it, at most a whole turn's text (${kibibytes(textLength)} here); in UTF-16 code units, each 1 to 3 bytes. Beside it the kernel's send buffer, which`,
      `net.ipv4.tcp_wmem bounds. What was received and not read is the client's machine's (net.ipv4.tcp_rmem).`,
    ].join("\n"),
  );
}

function costs({ peaks, kernel, openFiles }: Stretch): Record<string, number | undefined> {
  return {
    RSS: peaks && kibibytes(peaks.rssBytes),
    heap: peaks && kibibytes(peaks.heapBytes),
    external: peaks && kibibytes(peaks.externalBytes),
    "waiting, all clients": peaks && kibibytes(peaks.outgoingBytes),
    "waiting, one client": peaks && kibibytes(peaks.largestSocketBytes),
    "kernel, sending": kernel && kibibytes(kernel.sending),
    "most for one": kernel && kibibytes(kernel.mostSending),
    "kernel, received": kernel && kibibytes(kernel.received),
    "loop stall ms": peaks && Math.round(peaks.loopStallMs),
    "open files": openFiles,
  };
}

function lags(values: readonly number[]): Record<string, number> {
  const at = (share: number): number => quantile(values, share);
  return { frames: values.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** Longer than anybody sleeps here. */
const NO_HEARTBEAT_MS = "3600000";

type CommandOptions = Omit<SlowReaderOptions, "edge" | "untilGivenUp"> & { heartbeat?: boolean };

export const slowReaderCommand = program(
  "recovery",
  "Clients stop reading in the middle of a fast stream, and go on later.",
)
  .name("slow-reader")
  .option("--readers <n>", "how many of them, all of one session", whole, 1)
  .option("--companions <n>", "readers of that session who go on", whole, 3)
  .option("--others <n>", "sessions beside it, with a reader each", wholeOrNone, 3)
  .option("--seconds <s>", "for how long they read nothing, at least", positive, 60)
  .option("--script <directives>", "the model's script for each answer", "tokens=60,token-length=4000,slow=10ms")
  .option("--trim", "the log is cut meanwhile: only a snapshot brings them up to date")
  .option("--heartbeat", "clients are pinged as by default: the edge gives up who sleeps, and it has to connect again");

does(slowReaderCommand, async ({ heartbeat = false, ...given }: CommandOptions) => {
  const edge: Record<string, string> = heartbeat ? {} : { HOLDFAST_PING_INTERVAL_MS: NO_HEARTBEAT_MS };
  const fixture = await startFixture({ edges: 1, env: { edge } });
  try {
    const options = { ...given, edge: 0, untilGivenUp: heartbeat };
    const result = await slowReader(fixture, options);
    printSlowReader(options, result);
    const broken = brokenPromises(options, result);
    for (const sentence of broken) console.error(`BROKEN ${sentence}`);
    return broken.length === 0 ? 0 : 1;
  } finally {
    await fixture.close();
  }
});
