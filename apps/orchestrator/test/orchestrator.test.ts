import { fileURLToPath } from "node:url";
import { type SessionKey, workflowIdOf } from "@holdfast/contract";
import {
  QUERY_SNAPSHOT,
  SIGNAL_EVENTS,
  type SessionState,
  TASK_QUEUE_SESSIONS,
  WORKFLOW_TYPE,
} from "@holdfast/internal";
import { createLogger } from "@holdfast/service/log";
import { type GuardedProcess, startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { startTemporal, startValkey, type TemporalServer, type ValkeyServer } from "@holdfast/stack/servers";
import { Client, Connection } from "@temporalio/client";
import { DefaultLogger, Runtime } from "@temporalio/worker";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { orchestratorConfig } from "../src/config.ts";
import { startOrchestrator } from "../src/orchestrator.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

let valkey: ValkeyServer;
let temporal: TemporalServer | undefined;
const processes: GuardedProcess[] = [];
beforeAll(async () => {
  valkey = await startValkey();
});
afterAll(async () => {
  await Promise.all(processes.map((process) => process.stop()));
  await temporal?.stop();
  await valkey.stop();
});

async function start(env: Record<string, string>): Promise<GuardedProcess> {
  const child = await startGuarded(process.execPath, [MAIN], {
    env: { PATH: process.env["PATH"], HOLDFAST_REDIS_URL: valkey.url, ...env },
  });
  processes.push(child);
  return child;
}

test("the orchestrator waits for Temporal, works while it is there, and drains on SIGTERM", async () => {
  const [port, temporalPort, sdkPort] = [await freePort(), await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const orchestrator = await start({
    HOLDFAST_PORT: `${port}`,
    HOLDFAST_SDK_METRICS_PORT: `${sdkPort}`,
    HOLDFAST_TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
  });
  await untilReady(orchestrator, "orchestrator", async () => (await fetch(`${url}/healthz`)).ok);
  const waiting = await fetch(`${url}/readyz`);
  expect(waiting.status).toBe(503);
  expect(await waiting.text()).toBe("waiting for Temporal\n");

  temporal = await startTemporal({ port: temporalPort });
  await untilReady(orchestrator, "orchestrator", async () => (await fetch(`${url}/readyz`)).ok);

  const client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  const key: SessionKey = { tenant: "acme", owner: "ann", name: "s" };
  const handle = await client.workflow.signalWithStart(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(key),
    taskQueue: TASK_QUEUE_SESSIONS,
    args: [{ key, agent: "concierge", lane: "nobody" }],
    signal: SIGNAL_EVENTS,
    signalArgs: [{ runs: [{ by: "ann", producer: "p", at: 0, events: [{ seq: 1, kind: "observe", name: "click" }] }] }],
  });
  await untilReady(orchestrator, "session", async () => {
    const { state } = (await handle.query<SessionState>(QUERY_SNAPSHOT)).snapshot;
    return JSON.stringify(state["observed"]) === JSON.stringify([{ name: "click", count: 1 }]);
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/holdfast_log_access_seconds_count\{.*operation="publish",outcome="published"\} 1/);
  expect(await (await fetch(`http://127.0.0.1:${sdkPort}/metrics`)).text()).toContain("temporal_workflow_task");

  await client.connection.close();
  await temporal.stop();
  await untilReady(orchestrator, "orchestrator", async () => (await fetch(`${url}/readyz`)).status === 503);
  expect(await (await fetch(`${url}/readyz`)).text()).toBe("Temporal is out of reach\n");
  temporal = await startTemporal({ port: temporalPort });
  await untilReady(orchestrator, "orchestrator", async () => (await fetch(`${url}/readyz`)).ok);

  orchestrator.kill("SIGTERM");
  expect(await orchestrator.exited).toMatchObject({ code: 0 });

  const successor = await start({ HOLDFAST_PORT: `${port}`, HOLDFAST_TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}` });
  await untilReady(successor, "successor", async () => (await fetch(`${url}/readyz`)).ok);
  expect(successor.output()).toContain("orchestrator works");
  expect(successor.output()).not.toContain("are bundled");
});

test("SIGTERM while repair asks a session that no orchestrator answers for: exit code 0", async () => {
  temporal ??= await startTemporal();
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  const port = await freePort();
  const orchestrator = await start({
    HOLDFAST_PORT: `${port}`,
    HOLDFAST_TEMPORAL_ADDRESS: temporal.address,
    HOLDFAST_SHUTDOWN_GRACE_SECONDS: "2",
  });
  await untilReady(orchestrator, "orchestrator", async () => {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  });
  const key: SessionKey = { tenant: "acme", owner: "ann", name: "orphan" };
  const args = [{ key, agent: "concierge", lane: "nobody" }];
  await client.workflow.start(WORKFLOW_TYPE, { workflowId: workflowIdOf(key), taskQueue: "nobody", args });
  const repair = await client.activity.start("repair", {
    id: "repair",
    taskQueue: TASK_QUEUE_SESSIONS,
    args: [key],
    scheduleToCloseTimeout: "60s",
  });
  await untilReady(orchestrator, "repair", async () => {
    return (await repair.describe()).runState === "STARTED";
  });
  orchestrator.kill("SIGTERM");
  expect(await orchestrator.exited).toMatchObject({ code: 0 });
  expect(orchestrator.output()).not.toContain("was cut off");
  await client.connection.close();
});

test("a wrong setting is named, and the process does not start", async () => {
  const orchestrator = await start({ HOLDFAST_MAX_CACHED_WORKFLOWS: "0", HOLDFAST_PORT: "x" });
  expect(await orchestrator.exited).toMatchObject({ code: 2 });
  expect(orchestrator.output()).toContain("HOLDFAST_PORT");
});

test("an agent that is offered to clients and is not there is named, and the process does not start", async () => {
  const orchestrator = await start({ HOLDFAST_AGENTS: "echo,nobody" });
  expect(await orchestrator.exited).toMatchObject({ code: 2 });
  expect(orchestrator.output()).toMatch(/HOLDFAST_AGENTS names \W*nobody/);
});

test("an orchestrator that is stopped while its worker is being made ends in order", async () => {
  Runtime.install({ logger: new DefaultLogger("ERROR") });
  temporal ??= await startTemporal();
  const config = orchestratorConfig({
    HOLDFAST_PORT: "0",
    HOLDFAST_LOG_LEVEL: "silent",
    HOLDFAST_REDIS_URL: valkey.url,
    HOLDFAST_TEMPORAL_ADDRESS: temporal.address,
  });
  const log = createLogger("orchestrator", config);
  const made = Promise.withResolvers<void>();
  const onFatal = vi.fn<(error: unknown) => void>();
  const orchestrator = await startOrchestrator(config, log, onFatal);
  let stopped: Promise<void> | undefined;
  vi.spyOn(log, "info").mockImplementation((...said: unknown[]) => {
    if (said.at(-1) !== "orchestrator works") return;
    // Its worker is there, and does not run yet.
    stopped = orchestrator.stop("SIGTERM");
    made.resolve();
  });
  await made.promise;
  await stopped;
  expect(onFatal).not.toHaveBeenCalled();
});
