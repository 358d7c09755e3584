import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "../kit/child-process.ts";
import { does, positive, program, whole, wholeOrNone } from "../kit/command-line.ts";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { scrape, sumOf } from "../kit/metrics.ts";
import { EdgeProbe, kernelQueues } from "../kit/probes.ts";
import { until } from "../kit/wait.ts";
import { withRedis } from "./servers.ts";
import { brokenPromises, printSlowReader } from "./slow-reader-report.ts";
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
  onPhase?: (phase: string) => void;
}

export type SlowReaderResult = Awaited<ReturnType<typeof slowReader>>;

/** Bounds on a hang, not on the speed of a machine. */
const HANG_MS = 300_000;
const PROCESS = new URL("./steady-session.ts", import.meta.url);
const OTHER_SCRIPT = "tokens=40,slow=25ms";

/** Readers stop reading in the middle of a fast stream and go on later. Everybody at one edge. */
export async function slowReader({ stack }: Fixture, options: SlowReaderOptions) {
  const { onPhase = () => undefined } = options;
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
    onPhase("everybody reads");
    await Promise.all([pass(2), sleep((options.seconds * 1_000) / 4)]);
    const before = await stretch();

    onPhase(`${options.readers} stop reading`);
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

    onPhase("they go on");
    const wokenAt = performance.now();
    slow.signal("SIGCONT");
    const turns = await stream.stop();
    const { readings } = reportSchema.parse(await slow.tell({ order: "reached", turn: turns }, HANG_MS));
    const catchUpMs = performance.now() - wokenAt;
    await Promise.all(others.map((other) => other.stop()));
    const after = await stretch();
    const read = {
      slow: readings,
      companions: stream.readings(),
      others: others.flatMap((each) => each.readings()),
    };
    return { before, during, after, turns, passed, catchUpMs, ...read };
  } finally {
    await slow.kill();
    await probe.stop();
    await Promise.all([stream, ...others].map((each) => each.close()));
  }
}

/** Longer than anybody sleeps here. */
const NO_HEARTBEAT_MS = "3600000";

type CommandOptions = Omit<SlowReaderOptions, "edge" | "untilGivenUp"> & { heartbeat: boolean };

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
  .option(
    "--heartbeat",
    "clients are pinged as by default: the edge gives up who sleeps, and it has to connect again",
    false,
  );

does(slowReaderCommand, async ({ heartbeat, ...given }: CommandOptions) => {
  const edge: Record<string, string> = heartbeat ? {} : { HOLDFAST_PING_INTERVAL_MS: NO_HEARTBEAT_MS };
  const fixture = await startFixture({ edges: 1, env: { edge } });
  try {
    const onPhase = (phase: string): void => console.error(`  ${phase}`);
    const options = { ...given, edge: 0, untilGivenUp: heartbeat, onPhase };
    const result = await slowReader(fixture, options);
    printSlowReader(options, result);
    const broken = brokenPromises(options, result);
    for (const sentence of broken) console.error(`BROKEN ${sentence}`);
    return broken.length === 0 ? 0 : 1;
  } finally {
    await fixture.close();
  }
});
