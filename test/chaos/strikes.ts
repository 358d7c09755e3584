import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { type Arena, CALM } from "./arena.ts";
import { VALKEY_CLOCK_KEY } from "./builds.ts";
import type { Cable, Cables } from "./cables.ts";
import type { Participant } from "./participant.ts";
import type { Strike } from "./schedule.ts";

/** What strikes can reach. */
export interface Battlefield extends Arena {
  readonly cables: Cables;
  readonly participants: readonly Participant[];
}

const MODEL_FAULTS = { "model-cut": "cut@10", "model-429": "429x2,retry-after=1", "model-stall": "stall@10" } as const;

/** Seconds Valkey's clock may be wrong by. */
const VALKEY_CLOCK_SECONDS = 1_200;
const FLOOD = { observes: 60, inputs: 2, gapMs: 15 };

/** Does what the strike says and resolves when it is undone, as far as the striker undoes it (a supervisor mends kills). */
export async function strike(field: Battlefield, { fault, holdMs, pick }: Strike): Promise<void> {
  const { stack, model, cables } = field;
  switch (fault) {
    case "model-cut":
    case "model-429":
    case "model-stall":
      model.setDefault(`${MODEL_FAULTS[fault]},${CALM}`);
      await sleep(holdMs);
      model.setDefault(CALM);
      return;
    case "link-cut":
      for (const cable of cables.ofAnEdge(pick)) cable.cut();
      return;
    case "link-unplugged":
      return held(cables.ofAnEdge(pick), holdMs, "unplug", "plug");
    case "link-half-open":
      return held(cables.ofAnEdge(pick), holdMs, "freeze", "cut");
    case "tab-asleep":
      return held(cables.ofSecondTabs(), holdMs, "freeze", pick < 0.5 ? "thaw" : "cut");
    case "signal-flood":
      await Promise.all(field.participants.map(flood));
      return;
    case "valkey-kill-flush":
      await onValkey(stack.redisUrl, (redis) => redis.flushall());
      return stack.kill("valkey");
    case "clock-step":
      await onValkey(stack.redisUrl, (redis) =>
        redis.set(VALKEY_CLOCK_KEY, Math.round((pick - 0.5) * 2 * VALKEY_CLOCK_SECONDS)),
      );
      return stack.kill(picked(appNames(field), pick), "SIGUSR2");
    case "deploy":
      for (const name of appNames(field)) await stack.restart(name);
      return;
    case "sentinel-failover":
    case "cluster-failover":
      return field.failover?.killWithLoss(holdMs, pick);
    case "sentinel-hang":
      return field.failover?.hang(holdMs, pick);
    default:
      return strikeProcess(field, fault, holdMs, pick);
  }
}

async function strikeProcess({ stack }: Battlefield, fault: string, holdMs: number, pick: number): Promise<void> {
  const [app = "", how] = fault.split("-");
  const names = stack.children().map(({ name }) => name);
  const name = picked(
    names.filter((each) => each === app || each.startsWith(`${app}-`)),
    pick,
  );
  if (how === "kill") return stack.kill(name, "SIGKILL");
  if (how === "drain") return stack.restart(name);
  await stack.pause(name);
  await sleep(holdMs);
  return stack.resume(name);
}

type CableAct = "unplug" | "plug" | "freeze" | "thaw" | "cut";

async function held(cables: readonly Cable[], holdMs: number, begin: CableAct, end: CableAct): Promise<void> {
  for (const cable of cables) cable[begin]();
  await sleep(holdMs);
  for (const cable of cables) cable[end]();
}

async function flood(participant: Participant): Promise<void> {
  for (let each = 1; each <= FLOOD.observes; each++) {
    participant.observe("flood");
    if (each % (FLOOD.observes / FLOOD.inputs) === 0) participant.say(`${participant.name} floods ${each}`);
    await sleep(FLOOD.gapMs);
  }
}

/** Struck while it is away or paused, it has nothing to lose. */
async function onValkey(url: string, act: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, commandTimeout: 2_000, retryStrategy: () => null });
  redis.on("error", () => undefined);
  await act(redis).catch(() => undefined);
  redis.disconnect();
}

function appNames({ stack }: Battlefield): string[] {
  const names = stack.children().map(({ name }) => name);
  return names.filter((name) => name !== "temporal" && name !== "valkey");
}

function picked(names: readonly string[], pick: number): string {
  const name = names[Math.floor(pick * names.length)];
  if (name === undefined) throw new Error("There is nothing of that name to strike.");
  return name;
}
