import { type ClusterTopology, startCluster } from "@holdfast/redis-topologies";
import { createLogger } from "@holdfast/service/log";
import { connectRedis, type RedisConnection, type RedisRole } from "@holdfast/service/redis";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { LogFollower, LogReach, SessionLog } from "../src/index.ts";
import { fence, newKey, started } from "./story.ts";

const silent = createLogger("session-log-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

let cluster: ClusterTopology;
beforeAll(async () => {
  cluster = await startCluster({ requireFullCoverage: false });
});
afterAll(() => cluster.stop());

async function connect(role: RedisRole): Promise<RedisConnection> {
  const connection = connectRedis(cluster.url, silent, role);
  onTestFinished(() => connection.disconnect());
  await new Promise((resolve) => connection.once("ready", resolve));
  return connection;
}

/** How many SSUBSCRIBEs a node has ever been sent. */
async function subscriptions(port: number): Promise<number> {
  const node = new Redis(port, "127.0.0.1");
  const calls = /cmdstat_ssubscribe:calls=(\d+)/.exec(await node.info("commandstats"))?.[1];
  node.disconnect();
  return Number(calls ?? 0);
}

for (const strike of ["killMaster", "hangMaster"] as const) {
  test(`chain-3: ${strike}: what it served is followed at its successor, and the others' readers notice nothing`, async () => {
    const follower = new LogFollower(await connect("subscriber"));
    const [keys, seen] = [Array.from({ length: 60 }, newKey), new Set<string>()];
    await Promise.all(keys.map((key) => follower.follow(key, () => seen.add(key.name))));
    const others = (await cluster.masters()).slice(1);
    const before = await Promise.all(others.map(subscriptions));
    let interrupted = 0;
    follower.onInterrupted(() => interrupted++);

    await cluster[strike](0);
    await expect.poll(() => interrupted, { timeout: 30_000 }).toBeGreaterThan(0);
    const log = new SessionLog(await connect("commands"));
    for (const key of keys) await log.begin(key, fence(1), started(1, 1));
    await expect.poll(() => seen.size).toBe(keys.length);
    expect(await Promise.all(others.map(subscriptions))).toEqual(before);
    await cluster.mend();
  });
}

test("open-6: only what a killed master served is out of reach, until its successor serves", async () => {
  const [reach, keys] = [new LogReach(await connect("commands")), Array.from({ length: 60 }, newKey)];
  const away = async (): Promise<number> => {
    await reach.look();
    return keys.filter((key) => reach.isAway(key)).length;
  };
  expect(await away()).toBe(0);
  const killed = cluster.killMaster(0);
  await expect.poll(away, { timeout: 30_000 }).toBeGreaterThan(0);
  expect(reach.away.size).toBe(1);
  expect(reach.isGone).toBe(false);
  expect(keys.some((key) => !reach.isAway(key))).toBe(true);
  await killed;
  await expect.poll(away, { timeout: 30_000 }).toBe(0);
  expect(reach.away.size).toBe(0);
  await cluster.mend();
});

test("open-6: a Cluster that serves nobody, since a part of it is gone, is out of reach as a whole", async () => {
  const maimed = await startCluster({ replicas: 0 });
  onTestFinished(() => maimed.stop());
  const connection = connectRedis(maimed.url, silent, "commands");
  onTestFinished(() => connection.disconnect());
  await new Promise((resolve) => connection.once("ready", resolve));
  const reach = new LogReach(connection);
  const node = new Redis(maimed.ports()[0] ?? 0, "127.0.0.1", { retryStrategy: () => null });
  await node.shutdown("NOSAVE").catch(() => {});
  await expect
    .poll(
      async () => {
        await reach.look();
        return reach.isGone;
      },
      { timeout: 30_000 },
    )
    .toBe(true);
});
