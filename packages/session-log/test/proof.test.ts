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
import { ended, fence, newKey, started } from "./story.ts";

const silent = createLogger("session-log-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const executable = await findValkey({ pinned: true });

describeBackends("proof", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  test("open-3: a log is proven when it was compared with its workflow, and stays so while it is written to", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1), 0);
    const { epoch, proven } = await sessionLog.proof(key);
    expect(epoch).toMatch(/^[0-9a-f]{40}$/);
    expect(proven).toBe(false);
    expect(await sessionLog.prove(key, epoch)).toBe(true);
    await sessionLog.appendText(key, fence(1), 1, "a");
    await sessionLog.commit(key, ended(1, 2, "a"));
    expect(await sessionLog.proof(key)).toEqual({ epoch, proven: true });
    expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "snapshot", proven: true });
  });

  test("open-3: a session without a workflow is proven to hold nothing, and its log is then whole from the beginning", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const { epoch } = await sessionLog.snapshot(key);
    expect(await sessionLog.prove(key, epoch)).toBe(true);
    expect(await sessionLog.snapshot(key)).toEqual({ outcome: "cold", cursor: "0", epoch, proven: true });
    expect(await sessionLog.read(key, "0", 10)).toEqual({ outcome: "frames", frames: [], more: false });
    await sessionLog.begin(key, fence(1), started(1, 1), 0);
    expect(await sessionLog.snapshot(key)).toMatchObject({
      outcome: "snapshot",
      proven: true,
      snapshot: { version: 1 },
    });
  });

  test("what is kept of a session nobody sends anything to goes soon; a log keeps its time", async () => {
    const [sessionLog, empty, full] = [await log(), newKey(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(full, fence(1), started(1, 1), 0);
    for (const key of [empty, full]) await sessionLog.prove(key, (await sessionLog.proof(key)).epoch);
    expect(await connection.ttl(keysOf(empty)[1] ?? "")).toBeLessThanOrEqual(60);
    expect(await connection.ttl(keysOf(full)[1] ?? "")).toBeGreaterThan(86_000);
  });

  test("snap-4: a proof of another epoch is refused, and so is one of no epoch", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    for (const epoch of ["", "0".repeat(40)]) {
      expect(await sessionLog.prove(key, epoch)).toBe(false);
      expect(await sessionLog.proof(key)).toMatchObject({ proven: false });
    }
  });

  test("snap-4: a log that was lost is not proven", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.prove(key, (await sessionLog.proof(key)).epoch);
    for (const node of backend.nodes) await node.flushall();
    expect(await sessionLog.proof(key)).toMatchObject({ proven: false });
  });
});

async function connect(url: string): Promise<SessionLog> {
  const connection = connectRedis(url, silent, "commands");
  onTestFinished(() => connection.disconnect());
  await new Promise((resolve) => connection.once("ready", resolve));
  return new SessionLog(connection);
}

test("snap-4: what a killed server has kept on its disk is not proven any more", async () => {
  const dir = await mkdtemp(join(tmpdir(), "holdfast-proof-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const key = newKey();
  let server = await startValkey({ executable, dir });
  const before = await connect(server.url);
  await before.begin(key, fence(1), started(1, 1), 0);
  const { epoch } = await before.proof(key);
  await before.prove(key, epoch);
  // The append-only file is written before the answer, so the session is in it.
  server.kill("SIGKILL");
  await server.exited;
  server = await startValkey({ executable, dir });
  onTestFinished(() => server.stop());
  const after = await connect(server.url);
  expect((await after.head(key)).version).toBe(1);
  expect(await after.proof(key)).toMatchObject({ proven: false });
  expect(await after.prove(key, epoch)).toBe(false);
});

test("snap-4: a replica that became primary has proven nothing, whatever it copied", async () => {
  const sentinel = await startSentinel({ executable });
  onTestFinished(() => sentinel.stop());
  const [sessionLog, key] = [await connect(sentinel.url), newKey()];
  await sessionLog.begin(key, fence(1), started(1, 1), 0);
  await sessionLog.prove(key, (await sessionLog.proof(key)).epoch);
  expect(await sessionLog.proof(key)).toMatchObject({ proven: true });
  await sentinel.killPrimary();
  await expect
    .poll(() => sessionLog.proof(key).catch(() => undefined), { timeout: 30_000 })
    .toMatchObject({ proven: false });
});
