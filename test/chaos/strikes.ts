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
import { type Fault, scheduleOf, type Strike } from "./faults.ts";
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

const MODEL_FAULTS = { "model-cut": "cut@10", "model-429": "429x2,retry-after=1", "model-stall": "stall@10" } as const;

/** Seconds Valkey's clock may be wrong by. */
const VALKEY_CLOCK_SECONDS = 1_200;

/**
 * Carries out a schedule and tells when each blow fell, and on what; resolves when every process is back. One that is away
 * when it is to be struck is waited for: there is nothing to strike in a process that has not begun.
 */
async function strikeAll(field: Field, schedule: readonly Strike[], clock: () => number): Promise<Blow[]> {
  const strikes = schedule.map(async (planned): Promise<Blow> => {
    let blow: Blow | undefined;
    await sleep(Math.max(0, planned.atMs - clock()));
    await strike(field, planned, () => {
      blow = { ...planned, struckAtMs: clock(), midStream: isMidStream(field.participants) };
    });
    if (blow === undefined) throw new Error(`${planned.fault} struck nothing.`);
    return blow;
  });
  const blows = await Promise.all(strikes);
  await Promise.all(field.stack.children().map(({ name }) => field.stack.whenReady(name)));
  return blows;
}

/**
 * Does what the strike says and resolves when it is undone, as far as the striker undoes it (a supervisor mends kills).
 * `onBlow` is called when the blow falls.
 */
async function strike(field: Field, { fault, holdMs, pick }: Strike, onBlow: () => void): Promise<void> {
  const { stack, model, links } = field;
  switch (fault) {
    case "model-cut":
    case "model-429":
    case "model-stall":
      onBlow();
      model.setDefault(`${MODEL_FAULTS[fault]},${CALM}`);
      await sleep(holdMs);
      model.setDefault(CALM);
      return;
    case "link-cut":
      onBlow();
      for (const link of links.ofAnEdge(pick)) link.cut();
      return;
    case "link-unplugged":
      onBlow();
      return held(links.ofAnEdge(pick), holdMs, "unplug", "plug");
    case "link-half-open":
      onBlow();
      return held(links.ofAnEdge(pick), holdMs, "freeze", "abandon");
    case "tab-asleep":
      onBlow();
      return held(links.ofSecondTabs(), holdMs, "freeze", "cut");
    case "signal-flood":
      onBlow();
      return flood(field.participants, stack.temporalAddress);
    case "valkey-kill-flush":
      await stack.whenReady("valkey");
      onBlow();
      await onValkey(stack.redisUrl, (redis) => redis.flushall());
      return stack.kill("valkey");
    case "temporal-db-locked":
    case "temporal-db-locked-long": {
      await stack.whenReady("temporal");
      const release = await lockDatabase(join(stack.dir, "temporal", "temporal.db"));
      onBlow();
      await sleep(holdMs);
      return release();
    }
    case "writes-refused":
      await stack.whenReady("valkey");
      return refuseWrites(stack.redisUrl, holdMs, pick, onBlow);
    case "keys-lost":
      return loseKeys(stack.redisUrl, sessionsOf(field.participants), holdMs, pick, onBlow);
    case "role-change":
      return field.failover?.changeRole?.({ holdMs, pick, onBlow });
    case "clock-step":
      return stepClocks(field, pick, onBlow);
    case "deploy":
      onBlow();
      for (const name of appNames(field)) {
        await stack.whenReady(name);
        await stack.restart(name);
      }
      return;
    case "sentinel-failover":
    case "cluster-failover":
      return field.failover?.killWithLoss?.({ holdMs, session: picked(field.participants, pick).key, onBlow });
    case "sentinel-hang":
      return field.failover?.hang?.({ holdMs, session: picked(field.participants, pick).key, onBlow });
    default:
      return strikeProcess(field, { fault, holdMs, pick }, onBlow);
  }
}

async function strikeProcess(
  { stack }: Field,
  { fault, holdMs, pick }: Pick<Strike, "fault" | "holdMs" | "pick">,
  onBlow: () => void,
): Promise<void> {
  const [app = "", how] = fault.split("-");
  const names = stack.children().map(({ name }) => name);
  const name = picked(
    names.filter((each) => each === app || each.startsWith(`${app}-`)),
    pick,
  );
  await stack.whenReady(name);
  onBlow();
  if (how === "kill") return stack.kill(name, "SIGKILL");
  if (how === "drain") return stack.restart(name);
  await stack.pause(name);
  await sleep(holdMs);
  return stack.resume(name);
}

/** Valkey's clock and one app's. Which app it is must not follow from how far Valkey's steps. */
async function stepClocks(field: Field, pick: number, onBlow: () => void): Promise<void> {
  const { stack } = field;
  const seconds = Math.round((pick - 0.5) * 2 * VALKEY_CLOCK_SECONDS);
  const name = picked(appNames(field), randomFrom(Math.floor(pick * 2 ** 32))());
  // One that has only just been started would die of the signal.
  await Promise.all([stack.whenReady(name), stack.whenReady("valkey")]);
  onBlow();
  await onValkey(stack.redisUrl, (redis) => redis.set(VALKEY_CLOCK_KEY, seconds));
  return stack.kill(name, "SIGUSR2");
}

type LinkAct = "unplug" | "plug" | "freeze" | "abandon" | "cut";

async function held(all: readonly Link[], holdMs: number, begin: LinkAct, end: LinkAct): Promise<void> {
  for (const link of all) link[begin]();
  await sleep(holdMs);
  for (const link of all) link[end]();
}

/** Struck while it is away or paused, it has nothing to lose. */
async function onValkey(url: string, act: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, commandTimeout: 2_000, retryStrategy: () => null });
  redis.on("error", () => undefined);
  await act(redis).catch(() => undefined);
  redis.disconnect();
}
