import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
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

test("Temporal has the namespace it is told of, and keeps it", async () => {
  for (const namespace of ["acme", "acme"]) {
    const server = await startTemporal({ dir, namespace });
    const found = await withTemporal(server.address, ({ workflowService }) =>
      workflowService.describeNamespace({ namespace }),
    );
    expect(found.namespaceInfo?.name).toBe(namespace);
    await server.stop();
  }
});

test("Temporal is set up to be fair between tenants", async () => {
  const server = await startTemporal();
  const metrics = async (): Promise<string> => (await fetch(server.metricsUrl)).text();
  // Counted only by task queues that order their backlog by fairness key.
  await expect.poll(metrics, { timeout: 30_000 }).toContain("fair_lease_requests");
  await server.stop();
});

async function withTemporal<T>(address: string, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** Resolves when the server has said that it has it. */
async function startWorkflow({ workflowService }: Connection, workflowId: string): Promise<void> {
  await workflowService.startWorkflowExecution({
    namespace: "default",
    workflowId,
    workflowType: { name: "any" },
    taskQueue: { name: "nobody" },
    requestId: workflowId,
    identity: "test",
  });
}

async function hasWorkflow({ workflowService }: Connection, workflowId: string): Promise<boolean> {
  const found = await workflowService.describeWorkflowExecution({ namespace: "default", execution: { workflowId } });
  return found.workflowExecutionInfo?.execution?.workflowId === workflowId;
}

/** What SQLite notes in a file's header: 1 for a rollback journal, 2 for a write-ahead log. */
async function journalOf(path: string): Promise<number | undefined> {
  return (await readFile(path)).at(18);
}

test("a database that was made without a write-ahead log is opened with one, with all it holds", async () => {
  const path = join(dir, "temporal.db");
  await mkdir(dir, { recursive: true });
  const before = await startTemporal({ args: ["--db-filename", path] });
  await withTemporal(before.address, (connection) => startWorkflow(connection, "kept"));
  await before.stop();
  expect(await journalOf(path)).toBe(1);
  const after = await startTemporal({ dir });
  await withTemporal(after.address, async (connection) => {
    expect(await hasWorkflow(connection, "kept")).toBe(true);
    await startWorkflow(connection, "new");
  });
  expect(await journalOf(path)).toBe(2);
  await after.stop();
});

test("kill -9 of Temporal in the middle of writing loses nothing it had acknowledged", async () => {
  const killed = await startTemporal({ dir });
  const acked: string[] = [];
  await withTemporal(killed.address, async (connection) => {
    const write = async (id: string): Promise<void> => {
      await startWorkflow(connection, id);
      acked.push(id);
      if (acked.length === 40) killed.kill("SIGKILL");
    };
    const ids = Array.from({ length: 80 }, (_, index) => `${index}`);
    await Promise.allSettled(ids.map((id) => connection.withDeadline(Date.now() + 10_000, () => write(id))));
  });
  await killed.exited;
  expect(acked.length).toBeGreaterThanOrEqual(40);
  const server = await startTemporal({ dir });
  await withTemporal(server.address, async (connection) => {
    for (const id of acked) expect(await hasWorkflow(connection, id)).toBe(true);
  });
  await server.stop();
});

test("Temporal keeps workflows in its folder and serves metrics", async () => {
  const first = await startTemporal({ dir });
  await withTemporal(first.address, (connection) => startWorkflow(connection, "kept"));
  expect((await fetch(first.metricsUrl)).ok).toBe(true);
  await first.stop();
  const second = await startTemporal({ dir });
  expect(await withTemporal(second.address, (connection) => hasWorkflow(connection, "kept"))).toBe(true);
  await second.stop();
  expect(isAlive(second.pid)).toBe(false);
});
