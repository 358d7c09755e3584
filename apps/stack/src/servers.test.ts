import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection } from "@temporalio/client";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "./ports.ts";
import { isAlive } from "./process-table.ts";
import { startTemporal, startValkey } from "./servers.ts";
import { reapLeftover, writePidFile } from "./supervision/pid-file.ts";
import { launchValkey } from "./valkey-server.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-servers-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

test("Valkey keeps its data in its folder, refuses to evict, and knows sharded publish", async () => {
  const first = await startValkey({ dir });
  await withRedis(first.url, async (redis) => {
    await redis.set("k", "v");
    expect(await redis.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    expect(await redis.spublish("channel", "message")).toBe(0);
  });
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  const second = await startValkey({ dir });
  expect(await withRedis(second.url, (redis) => redis.get("k"))).toBe("v");
  await second.stop();
});

test("two Valkeys run side by side, and a taken port is an error, not a stranger's answer", async () => {
  const [one, two] = await Promise.all([startValkey(), startValkey()]);
  expect(one.port).not.toBe(two.port);
  await expect(startValkey({ port: one.port })).rejects.toThrow(/Valkey ended while starting/);
  await Promise.all([one.stop(), two.stop()]);
});

test("a Valkey a crash left behind is known again by what was written down as it started", async () => {
  const server = await launchValkey({ dir: join(dir, "valkey"), port: await freePort(), persist: false });
  const pidFile = join(dir, "valkey.pid");
  writePidFile(pidFile, server.pid);
  await server.ready;
  expect(await reapLeftover(pidFile)).toBe(server.pid);
  await server.exited;
});

test("Temporal is set up to be fair between tenants", async () => {
  const server = await startTemporal();
  const metrics = async (): Promise<string> => (await fetch(server.metricsUrl)).text();
  // Counted only by task queues that order their backlog by fairness key.
  await expect.poll(metrics, { timeout: 30_000 }).toContain("fair_lease_requests");
  await server.stop();
});

test("Temporal keeps workflows in its folder and serves metrics", async () => {
  const first = await startTemporal({ dir });
  const connection = await Connection.connect({ address: first.address });
  await connection.workflowService.startWorkflowExecution({
    namespace: "default",
    workflowId: "kept",
    workflowType: { name: "any" },
    taskQueue: { name: "nobody" },
    requestId: "1",
    identity: "test",
  });
  await connection.close();
  expect((await fetch(first.metricsUrl)).ok).toBe(true);
  await first.stop();
  const second = await startTemporal({ dir });
  const again = await Connection.connect({ address: second.address });
  const found = await again.workflowService.describeWorkflowExecution({
    namespace: "default",
    execution: { workflowId: "kept" },
  });
  expect(found.workflowExecutionInfo?.execution?.workflowId).toBe("kept");
  await again.close();
  await second.stop();
  expect(isAlive(second.pid)).toBe(false);
});
