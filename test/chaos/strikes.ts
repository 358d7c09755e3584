import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { appNames } from "../kit/fixture.ts";
import type { Link } from "../kit/link.ts";
import { isMidStream, sessionsOf } from "../kit/participant.ts";
import { type Blow, type RunOptions, type RunResult, runUnder, type Targets } from "../kit/run.ts";
import { picked, randomFrom } from "../kit/statistics.ts";
import { VALKEY_CLOCK_KEY } from "./builds.ts";
import { lockDatabase } from "./database-lock.ts";
import { type Aim, type Fault, scheduleOf, type Strike } from "./faults.ts";
import { CALM, type ChaosFixture } from "./fixtures.ts";
import { flood } from "./flood.ts";
import { loseKeys, refuseWrites } from "./sick-redis.ts";

export interface ChaosOptions extends RunOptions {
  faults: readonly Fault[];
}

/** How long strikes may take beyond the clients' talk: what was struck has to come back. A bound on a hang. */
const STRIKES_MS = 180_000;

/** One run under the faults of a seeded schedule. */
export function run(fixture: ChaosFixture, options: ChaosOptions): Promise<RunResult> {
  const schedule = scheduleOf(options.seed, options.durationMs, options.faults);
  return runUnder(fixture, options, {
    strike: (targets, clock) => strikeAll({ ...fixture, ...targets }, schedule, clock),
    withinMs: options.durationMs + STRIKES_MS,
  });
}

/** What a strike can reach. */
type Field = ChaosFixture & Targets;

/**
 * Carries out a schedule and tells when each blow fell, and on what; resolves when every process is back. One that is away
 * when it is to be struck is waited for: there is nothing to strike in a process that has not begun.
 */
async function strikeAll(field: Field, schedule: readonly Strike[], clock: () => number): Promise<Blow[]> {
  const strikes = schedule.map(async (planned): Promise<Blow> => {
    let blow: Blow | undefined;
    const onBlow = (): void => {
      blow = { ...planned, struckAtMs: clock(), midStream: isMidStream(field.participants) };
    };
    await sleep(Math.max(0, planned.atMs - clock()));
    await (STRIKES[planned.fault] ?? strikeProcess)(field, { ...planned, onBlow }, planned.fault);
    if (blow === undefined) throw new Error(`${planned.fault} struck nothing.`);
    return blow;
  });
  const blows = await Promise.all(strikes);
  await Promise.all(field.stack.children().map(({ name }) => field.stack.whenReady(name)));
  return blows;
}

/** Resolves when all is undone, as far as the striker undoes it (a supervisor mends kills). */
type Act = (field: Field, aim: Aim, fault: Fault) => Promise<unknown>;

/** What a fault does that is not simply done to one process. */
const STRIKES: Partial<Record<Fault, Act>> = {
  "model-cut": modelAnswers("cut@10"),
  "model-429": modelAnswers("429x2,retry-after=1"),
  "model-stall": modelAnswers("stall@10"),
  "link-cut": async ({ links }, { pick, onBlow }) => {
    onBlow();
    for (const link of links.ofAnEdge(pick)) link.cut();
  },
  "link-unplugged": ({ links }, aim) => held(links.ofAnEdge(aim.pick), aim, "unplug", "plug"),
  "link-half-open": ({ links }, aim) => held(links.ofAnEdge(aim.pick), aim, "freeze", "abandon"),
  "tab-asleep": ({ links }, aim) => held(links.ofSecondTabs(), aim, "freeze", "cut"),
  "signal-flood": ({ participants, stack }, { onBlow }) => {
    onBlow();
    return flood(participants, stack.temporalAddress);
  },
  "valkey-kill-flush": async ({ stack }, { onBlow }) => {
    await stack.whenReady("valkey");
    onBlow();
    await onValkey(stack.redisUrl, (redis) => redis.flushall());
    await stack.kill("valkey");
  },
  "temporal-db-locked": lockTemporalDatabase,
  "temporal-db-locked-long": lockTemporalDatabase,
  "writes-refused": async ({ stack }, aim) => {
    await stack.whenReady("valkey");
    await refuseWrites(stack.redisUrl, aim);
  },
  "keys-lost": ({ stack, participants }, aim) => loseKeys(stack.redisUrl, sessionsOf(participants), aim),
  "role-change": async ({ failover }, aim) => failover?.changeRole?.(aim),
  "sentinel-failover": killWithLoss,
  "cluster-failover": killWithLoss,
  "sentinel-hang": async ({ failover, participants }, aim) =>
    failover?.hang?.({ ...aim, session: picked(participants, aim.pick).key }),
  "clock-step": stepClocks,
  deploy: async (field, { onBlow }) => {
    onBlow();
    for (const name of appNames(field)) {
      await field.stack.whenReady(name);
      await field.stack.restart(name);
    }
  },
};

function modelAnswers(script: string): Act {
  return async ({ model }, { holdMs, onBlow }) => {
    onBlow();
    model.setDefault(`${script},${CALM}`);
    await sleep(holdMs);
    model.setDefault(CALM);
  };
}

type LinkAct = "unplug" | "plug" | "freeze" | "abandon" | "cut";

async function held(all: readonly Link[], { holdMs, onBlow }: Aim, begin: LinkAct, end: LinkAct): Promise<void> {
  onBlow();
  for (const link of all) link[begin]();
  await sleep(holdMs);
  for (const link of all) link[end]();
}

async function lockTemporalDatabase({ stack }: Field, { holdMs, onBlow }: Aim): Promise<void> {
  await stack.whenReady("temporal");
  const release = await lockDatabase(join(stack.dir, "temporal", "temporal.db"));
  onBlow();
  await sleep(holdMs);
  await release();
}

async function killWithLoss({ failover, participants }: Field, aim: Aim): Promise<void> {
  await failover?.killWithLoss?.({ ...aim, session: picked(participants, aim.pick).key });
}

/** Seconds Valkey's clock may be wrong by. */
const VALKEY_CLOCK_SECONDS = 1_200;

/** Valkey's clock and one app's. Which app it is must not follow from how far Valkey's steps. */
async function stepClocks(field: Field, { pick, onBlow }: Aim): Promise<void> {
  const { stack } = field;
  const seconds = Math.round((pick - 0.5) * 2 * VALKEY_CLOCK_SECONDS);
  const name = picked(appNames(field), randomFrom(Math.floor(pick * 2 ** 32))());
  // One that has only just been started would die of the signal.
  await Promise.all([stack.whenReady(name), stack.whenReady("valkey")]);
  onBlow();
  await onValkey(stack.redisUrl, (redis) => redis.set(VALKEY_CLOCK_KEY, seconds));
  await stack.kill(name, "SIGUSR2");
}

async function strikeProcess({ stack }: Field, { holdMs, pick, onBlow }: Aim, fault: Fault): Promise<void> {
  const [app = "", how] = fault.split("-");
  const names = stack.children().map(({ name }) => name);
  const ofApp = names.filter((each) => each === app || each.startsWith(`${app}-`));
  const name = picked(ofApp, pick);
  await stack.whenReady(name);
  onBlow();
  if (how === "kill") return stack.kill(name, "SIGKILL");
  if (how === "drain") return stack.restart(name);
  await stack.pause(name);
  await sleep(holdMs);
  await stack.resume(name);
}

/** Struck while it is away or paused, it has nothing to lose. */
async function onValkey(url: string, act: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, commandTimeout: 2_000, retryStrategy: () => null });
  redis.on("error", () => undefined);
  await act(redis).catch(() => undefined);
  redis.disconnect();
}
