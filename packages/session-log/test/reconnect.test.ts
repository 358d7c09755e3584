import { startSentinel } from "@holdfast/redis-topologies";
import { createLogger } from "@holdfast/service/log";
import { connectRedis, type RedisConnection } from "@holdfast/service/redis";
import { freePort } from "@holdfast/stack/ports";
import { findValkey } from "@holdfast/stack/provision";
import { startValkey } from "@holdfast/stack/servers";
import { expect, onTestFinished, test } from "vitest";
import { LogFollower, SessionLog } from "../src/index.ts";
import { startCuttingProxy } from "./cutting-proxy.ts";
import { fence, newKey, say, started } from "./story.ts";

const log = createLogger("session-log-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const executable = await findValkey({ pinned: true });

async function connect(url: string, role: "commands" | "subscriber"): Promise<RedisConnection> {
  const connection = connectRedis(url, log, role);
  onTestFinished(() => connection.disconnect());
  await new Promise((resolve) => connection.once("ready", resolve));
  return connection;
}

test("chain-3: a connection that breaks while it subscribes anew rejects nothing unseen and is mended", async () => {
  const server = await startValkey({ executable });
  onTestFinished(() => server.stop());
  const proxy = await startCuttingProxy(server.port);
  onTestFinished(() => proxy.stop());
  const [sessionLog, follower] = [
    new SessionLog(await connect(server.url, "commands")),
    new LogFollower(await connect(proxy.url, "subscriber")),
  ];
  const [keys, seen] = [Array.from({ length: 20 }, newKey), new Set<string>()];
  for (const key of keys) await follower.follow(key, () => seen.add(key.name));
  let interrupted = 0;
  follower.onInterrupted(() => interrupted++);

  proxy.cutAt("ssubscribe", 3);
  proxy.cut();
  await expect.poll(() => interrupted, { timeout: 30_000 }).toBe(1);
  expect(proxy.cutsLeft()).toBe(0);
  for (const key of keys) await sessionLog.begin(key, fence(1), started(1, 1));
  await expect.poll(() => seen.size).toBe(keys.length);
});

test("chain-3: while the server is away follow rejects, and what followed before goes on when it is back", async () => {
  const port = await freePort();
  let server = await startValkey({ executable, port });
  onTestFinished(() => server.stop());
  const [sessionLog, follower] = [
    new SessionLog(await connect(server.url, "commands")),
    new LogFollower(await connect(server.url, "subscriber")),
  ];
  const [key, frames] = [newKey(), [] as string[]];
  const leave = await follower.follow(key, ({ type }) => frames.push(type));
  const left = await follower.follow(newKey(), () => {});
  let interrupted = 0;
  follower.onInterrupted(() => interrupted++);

  server.kill("SIGKILL");
  await server.exited;
  await expect(follower.follow(newKey(), () => {})).rejects.toThrow(Error);
  await expect(sessionLog.head(key)).rejects.toThrow(Error);
  await left();

  server = await startValkey({ executable, port });
  await expect.poll(() => interrupted, { timeout: 30_000 }).toBe(1);
  await expect
    .poll(() => sessionLog.begin(key, fence(1), started(1, 1)), { timeout: 30_000 })
    .toMatchObject({ outcome: "ok" });
  await expect.poll(() => frames).toEqual(["turn.started"]);
  await leave();
});

test("open-6: a server that hangs does not cost every command its timeout, and is in reach again when it answers", async () => {
  const server = await startValkey({ executable });
  onTestFinished(() => server.stop());
  const connection = await connect(server.url, "commands");
  server.kill("SIGSTOP");
  try {
    await expect(connection.ping()).rejects.toThrow(Error);
    await expect.poll(() => connection.status, { timeout: 30_000 }).not.toBe("ready");
    await expect(connection.ping()).rejects.toThrow("enableOfflineQueue");
  } finally {
    server.kill("SIGCONT");
  }
  await expect.poll(() => connection.status, { timeout: 30_000 }).toBe("ready");
  expect(await connection.ping()).toBe("PONG");
});

test("chain-3: after a Sentinel failover frames flow from the new master, and readers are told to read again", async () => {
  const sentinel = await startSentinel({ executable });
  onTestFinished(() => sentinel.stop());
  const [sessionLog, follower] = [
    new SessionLog(await connect(sentinel.url, "commands")),
    new LogFollower(await connect(sentinel.url, "subscriber")),
  ];
  const [key, frames] = [newKey(), [] as string[]];
  await follower.follow(key, ({ type }) => frames.push(type));
  await sessionLog.begin(key, fence(1), started(1, 1));
  await expect.poll(() => frames).toEqual(["turn.started"]);
  let interrupted = 0;
  follower.onInterrupted(() => interrupted++);

  await sentinel.killPrimary();
  await expect.poll(() => interrupted, { timeout: 30_000 }).toBeGreaterThan(0);
  await expect.poll(() => say(sessionLog, key, fence(1), 1, "a"), { timeout: 30_000 }).toMatchObject({ index: 1 });
  await expect.poll(() => frames).toEqual(["turn.started", "delta"]);
});
