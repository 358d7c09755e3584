import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSentinel } from "@holdfast/redis-topologies";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { findValkey } from "@holdfast/stack/provision";
import { startValkey } from "@holdfast/stack/servers";
import { expect, onTestFinished, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import { ended, fence, newKey, say, started } from "./story.ts";

const silent = createLogger("session-log-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const executable = await findValkey({ pinned: true });

describeBackends("verification", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  test("open-3: a log is verified when it was compared with its workflow, and stays so while it is written to", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    const { replicationId, verified } = await sessionLog.verification(key);
    expect(replicationId).toMatch(/^[0-9a-f]{40}$/);
    expect(verified).toBe(false);
    expect(await sessionLog.markVerified(key, replicationId)).toBe(true);
    await say(sessionLog, key, fence(1), 1, "a");
    await sessionLog.commit(key, ended(1, 2, "a"));
    expect(await sessionLog.verification(key)).toEqual({ replicationId, verified: true });
    expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "snapshot", verified: true });
  });

  test("open-3: a session without a workflow is verified to hold nothing, and its log is then whole from the beginning", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const { replicationId } = await sessionLog.snapshot(key);
    expect(await sessionLog.markVerified(key, replicationId)).toBe(true);
    expect(await sessionLog.snapshot(key)).toEqual({ outcome: "cold", cursor: "0", replicationId, verified: true });
    expect(await sessionLog.read(key, "0", 10)).toEqual({ outcome: "frames", frames: [], more: false });
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect(await sessionLog.snapshot(key)).toMatchObject({
      outcome: "snapshot",
      verified: true,
      snapshot: { version: 1 },
    });
  });

  test("what is kept of a session nobody sends anything to goes soon; a log keeps its time", async () => {
    const [sessionLog, empty, full] = [await log(), newKey(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(full, fence(1), started(1, 1));
    for (const key of [empty, full])
      await sessionLog.markVerified(key, (await sessionLog.verification(key)).replicationId);
    expect(await connection.ttl(keysOf(empty)[1] ?? "")).toBeLessThanOrEqual(60);
    expect(await connection.ttl(keysOf(full)[1] ?? "")).toBeGreaterThan(86_000);
  });

  test("snap-4: a verification of another replicationId is refused, and so is one of no replicationId", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    for (const replicationId of ["", "0".repeat(40)]) {
      expect(await sessionLog.markVerified(key, replicationId)).toBe(false);
      expect(await sessionLog.verification(key)).toMatchObject({ verified: false });
    }
  });

  test("snap-4: a log that was lost is not verified", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.markVerified(key, (await sessionLog.verification(key)).replicationId);
    for (const node of backend.nodes) await node.flushall();
    expect(await sessionLog.verification(key)).toMatchObject({ verified: false });
  });
});

async function connect(url: string): Promise<SessionLog> {
  const connection = connectRedis(url, silent, "commands");
  onTestFinished(() => connection.disconnect());
  await new Promise((resolve) => connection.once("ready", resolve));
  return new SessionLog(connection);
}

test("snap-4: what a killed server has kept on its disk is not verified any more", async () => {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-verification-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const key = newKey();
  let server = await startValkey({ executable, dir });
  const before = await connect(server.url);
  await before.begin(key, fence(1), started(1, 1));
  const { replicationId } = await before.verification(key);
  await before.markVerified(key, replicationId);
  // The append-only file is written before the answer, so the session is in it.
  server.kill("SIGKILL");
  await server.exited;
  server = await startValkey({ executable, dir });
  onTestFinished(() => server.stop());
  const after = await connect(server.url);
  expect((await after.head(key)).version).toBe(1);
  expect(await after.verification(key)).toMatchObject({ verified: false });
  expect(await after.markVerified(key, replicationId)).toBe(false);
});

test("snap-4: a replica that became primary has verified nothing, whatever it copied", async () => {
  const sentinel = await startSentinel({ executable });
  onTestFinished(() => sentinel.stop());
  const [sessionLog, key] = [await connect(sentinel.url), newKey()];
  await sessionLog.begin(key, fence(1), started(1, 1));
  await sessionLog.markVerified(key, (await sessionLog.verification(key)).replicationId);
  expect(await sessionLog.verification(key)).toMatchObject({ verified: true });
  await sentinel.killPrimary();
  await expect
    .poll(() => sessionLog.verification(key).catch(() => undefined), { timeout: 30_000 })
    .toMatchObject({ verified: false });
});
