import type { LogFrame } from "@holdfast/internal";
import { startSentinel } from "@holdfast/redis-topologies";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { LogFollower, SessionLog } from "../src/index.ts";
import { startMasters } from "./backends.ts";
import { allFrames, fence, newKey, started, wholeOf } from "./story.ts";

const silent = createLogger("session-log-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

function connect(url: string, role: "commands" | "subscriber") {
  const connection = connectRedis(url, silent, role);
  onTestFinished(() => connection.disconnect());
  return connection;
}

async function callEach(ports: number[], ...[name, ...args]: [string, ...string[]]): Promise<void> {
  for (const port of ports) {
    const redis = new Redis(port, "127.0.0.1");
    await redis.call(name, ...args);
    redis.disconnect();
  }
}

test("a Cluster's password opens it to commands and to whoever follows, on every node", async () => {
  const cluster = await startMasters();
  onTestFinished(() => cluster.stop());
  await callEach(cluster.ports, "CONFIG", "SET", "requirepass", "p@ss/word");
  const url = cluster.url.replace("://", `://:${encodeURIComponent("p@ss/word")}@`);
  const errors: unknown[] = [];
  const follower = new LogFollower(connect(url, "subscriber"), (error) => errors.push(error));
  const commands = connect(url, "commands");
  await expect.poll(() => commands.status).toBe("ready");
  const log = new SessionLog(commands);
  for (let session = 0; session < 12; session++) {
    const [key, frames] = [newKey(), [] as LogFrame[]];
    await follower.follow(key, (frame) => frames.push(wholeOf(frame)));
    await log.begin(key, fence(1), started(1, 1));
    await expect.poll(() => frames.length).toBe(1);
    expect(frames).toEqual(await allFrames(log, key));
  }
});

test("Sentinel: user and password are those of the data nodes", async () => {
  const sentinel = await startSentinel();
  onTestFinished(() => sentinel.stop());
  await callEach([await sentinel.primary()], "ACL", "SETUSER", "holdfast", "on", ">p@ss:word", "~*", "&*", "+@all");
  const user = `holdfast:${encodeURIComponent("p@ss:word")}@`;
  const connection = connect(sentinel.url.replace("://", `://${user}`), "commands");
  await expect.poll(() => connection.status).toBe("ready");
  expect(await connection.call("ACL", ["WHOAMI"])).toBe("holdfast");
});
