import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startGuarded, untilReady } from "../guarded-process.ts";
import { writePidFile } from "./pid-file.ts";
import { goneWithin, isAlive } from "../process-table.ts";
import type { ChildEvent, ChildSpec } from "./supervised-child.ts";
import { reapLeftovers, Supervisor } from "./supervisor.ts";

let dir: string;
let supervisor: Supervisor;
let events: ChildEvent[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-supervisor-"));
  events = [];
  supervisor = new Supervisor({
    runDir: join(dir, "run"),
    graceMs: 500,
    onEvent: (event) => void events.push(event),
  });
});
afterEach(async () => {
  await supervisor.stop();
  await rm(dir, { recursive: true, force: true });
});

/** A program that is ready when it has written a file. */
function child(name: string, body: string): ChildSpec {
  const logFile = join(dir, `${name}.log`);
  const readyFile = join(dir, `${name}.ready`);
  const launch = async () => {
    await rm(readyFile, { force: true });
    const program = await startGuarded("sh", ["-c", body, readyFile], { logFile });
    const ready = (async () => {
      while (
        await readFile(readyFile).then(
          () => false,
          () => true,
        )
      ) {
        if (!isAlive(program.pid)) throw new Error(`it ended while starting: ${program.output()}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    return { ...program, ready };
  };
  return { name, logFile, launch };
}

const RUN = 'echo > "$0"; while :; do sleep 0.1; done';

function statusOf(name: string) {
  return supervisor.children().find((status) => status.name === name);
}

test("children of a stage start together; the next stage when all are ready", async () => {
  await supervisor.startStage([child("a", RUN), child("b", RUN)]);
  await supervisor.startStage([child("c", RUN)]);
  expect(supervisor.children()).toMatchObject([
    { name: "a", state: "ready", restarts: 0 },
    { name: "b", state: "ready", restarts: 0 },
    { name: "c", state: "ready", restarts: 0 },
  ]);
});

test("a child that is killed is started again, as often as it takes", async () => {
  await supervisor.startStage([child("a", RUN), child("b", RUN)]);
  const other = statusOf("b")?.pid;
  const pids = new Set([statusOf("a")?.pid]);
  for (let round = 1; round <= 3; round++) {
    const gone = supervisor.child("a").gone();
    supervisor.child("a").kill("SIGKILL");
    await gone;
    expect(statusOf("a")?.state).toBe("waiting");
    await supervisor.child("a").whenReady();
    expect(statusOf("a")?.restarts).toBe(round);
    pids.add(statusOf("a")?.pid);
  }
  expect(pids.size).toBe(4);
  expect(statusOf("b")?.pid).toBe(other);
  const ended = events.filter((event) => event.type === "ended");
  expect(ended).toMatchObject([{ exit: { signal: "SIGKILL" } }, {}, {}]);
  expect(ended.every(({ retryInMs }) => retryInMs >= 50)).toBe(true);
});

test("a child that is asked to end is replaced at once, however often it failed before", async () => {
  await supervisor.startStage([child("a", RUN)]);
  for (const signal of ["SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM"] as const) {
    const gone = supervisor.child("a").gone();
    supervisor.child("a").kill(signal);
    await gone;
    await supervisor.child("a").whenReady();
  }
  const retries = events.flatMap((event) => (event.type === "ended" ? [event.retryInMs] : []));
  expect(retries[2]).toBeGreaterThanOrEqual(200);
  expect(retries[3]).toBeLessThanOrEqual(100);
});

test("a child whose configuration is wrong is not tried again, and its words are shown", async () => {
  const start = supervisor.startStage([child("a", "echo HOLDFAST_X is wrong; exit 2")]);
  await expect(start).rejects.toMatchObject({ code: "child_failed" });
  await expect(start).rejects.toThrow(/HOLDFAST_X is wrong/);
  expect(events).toEqual([]);
});

test("a child that never gets ready is given up after a few tries", async () => {
  await expect(supervisor.startStage([child("a", "exit 1")])).rejects.toThrow(/a does not start/);
  expect(events).toHaveLength(2);
});

test("stop ends a child that ignores SIGTERM, and one that is paused", async () => {
  await supervisor.startStage([child("deaf", `trap "" TERM; ${RUN}`), child("paused", RUN)]);
  supervisor.child("paused").kill("SIGSTOP");
  const pids = supervisor.children().map(({ pid }) => pid ?? 0);
  await supervisor.stop();
  expect(pids.map(isAlive)).toEqual([false, false]);
  expect(supervisor.children().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
});

test("told to hurry while it stops: everything is killed, and nothing is started again", async () => {
  await supervisor.startStage([child("server", RUN)]);
  await supervisor.startStage([child("deaf", `trap "" TERM; ${RUN}`)]);
  const pids = supervisor.children().map(({ pid }) => pid ?? 0);
  events = [];
  const stopped = supervisor.stop();
  supervisor.killAll();
  await stopped;
  expect(events).toEqual([]);
  expect(pids.map(isAlive)).toEqual([false, false]);
  expect(supervisor.children()).toMatchObject([{ restarts: 0 }, { restarts: 0 }]);
});

test("children that get the signal before their supervisor does are not started again", async () => {
  await supervisor.startStage([child("a", RUN), child("b", RUN)]);
  events = [];
  const gone = ["a", "b"].map((name) => supervisor.child(name).gone());
  for (const { pid } of supervisor.children()) process.kill(pid ?? 0, "SIGTERM");
  await Promise.all(gone);
  await supervisor.stop();
  expect(events).toEqual([]);
});

test("stop while a child is starting ends it too", async () => {
  const start = supervisor.startStage([child("slow", "while :; do sleep 0.1; done")]);
  const failure = start.then(
    () => undefined,
    (error: unknown) => error,
  );
  while (statusOf("slow")?.pid === null) await new Promise((resolve) => setTimeout(resolve, 5));
  const pid = statusOf("slow")?.pid ?? 0;
  await supervisor.stop();
  expect(String(await failure)).toMatch(/stopped before it was ready/);
  expect(isAlive(pid)).toBe(false);
});

test("kill -9 of the supervisor: its children end all the same", async () => {
  const parent = join(dir, "parent.mjs");
  await writeFile(
    parent,
    `import { startGuarded } from ${JSON.stringify(join(import.meta.dirname, "../guarded-process.ts"))};
     const child = await startGuarded("sleep", ["600"]);
     console.log(child.pid);
     process.kill(process.pid, "SIGKILL");`,
  );
  const run = await execa(process.execPath, [parent], { reject: false });
  expect(run.signal).toBe("SIGKILL");
  expect(await goneWithin(Number(run.stdout), 20_000)).toBe(true);
});

test("what a crash left running is found by its pid file and ended", async () => {
  const leftover = await startGuarded("sleep", ["600"]);
  writePidFile(join(dir, "run", "edge-1.pid"), leftover.pid);
  expect(await reapLeftovers(join(dir, "run"))).toEqual(["edge-1"]);
  expect((await leftover.exited).signal).toBe("SIGTERM");
  expect(await reapLeftovers(join(dir, "run"))).toEqual([]);
});

test("a process that got a dead one's id is left alone", async () => {
  const stranger = await startGuarded("sleep", ["600"]);
  await writeFile(join(dir, "run", "edge-1.pid"), JSON.stringify({ pid: stranger.pid, command: "node main.ts" }));
  expect(await reapLeftovers(join(dir, "run"))).toEqual([]);
  expect(isAlive(stranger.pid)).toBe(true);
  await stranger.stop();
});

test("a child that is not ready in time is ended and not tried again, and says why", async () => {
  const logFile = join(dir, "slow.log");
  const launch = async () => {
    const program = await startGuarded("sleep", ["600"], { logFile });
    const ready = untilReady(program, "slow", () => Promise.reject(new Error("Redis is away")), 50);
    return { ...program, ready };
  };
  const start = supervisor.startStage([{ name: "slow", logFile, launch }]);
  await expect(start).rejects.toThrow(/slow was not ready after 0.05 s \(Redis is away\)/);
  expect(events).toEqual([]);
  expect(statusOf("slow")).toMatchObject({ pid: null, state: "stopped" });
});

test("a child whose code is wrong is waited with, until somebody says that the code is another", async () => {
  const mended = join(dir, "mended");
  const body = `[ -e ${mended} ] || exit 3; ${RUN}`;
  await supervisor.startStage([{ ...child("a", body), waitForCode: true }, child("b", RUN)]);
  expect(supervisor.children()).toMatchObject([{ state: "waiting" }, { state: "ready" }]);
  expect(events).toContainEqual({ type: "waits-for-code", name: "a" });
  await writeFile(mended, "");
  supervisor.child("a").tryAgain();
  await supervisor.child("a").whenReady();
});
