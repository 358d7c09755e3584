import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, textOf } from "@holdfast/client";
import { execa } from "execa";
import { jwtVerify } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { freePort, isPortFree } from "../ports.ts";
import { ROOT } from "../paths.ts";
import { goneWithin } from "../process-table.ts";
import { developmentSecret, loadSettings } from "./settings.ts";
import { portClaims } from "../stack-ports.ts";

const MAIN = join(import.meta.dirname, "../main.ts");
let dir: string;
let portBase: number;
const running: Run[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-start-"));
  portBase = await freePortBase();
});
afterEach(async () => {
  for (const run of running.splice(0)) run.kill("SIGKILL");
  await rm(dir, { recursive: true, force: true, maxRetries: 20 });
});

async function freePortBase(): Promise<number> {
  for (;;) {
    const base = await freePort();
    const claims = portClaims(loadSettings(base, {}).ports, { temporal: false, valkey: false });
    const free = await Promise.all(claims.map(({ port }) => isPortFree(port)));
    if (free.every(Boolean)) return base;
  }
}

/** One `npm start`, and what it said. */
class Run {
  readonly #process: ChildProcess;
  readonly exited: Promise<number | null>;
  said = "";

  /** `npm`: as a person starts it, leading a process group of its own. */
  constructor(env: Record<string, string> = {}, by: "node" | "npm" = "node") {
    const options = ["--port-base", `${portBase}`];
    const [command, args] =
      by === "npm" ? ["npm", ["start", "--", ...options]] : [process.execPath, [MAIN, "start", ...options]];
    this.#process = spawn(command, args, {
      cwd: ROOT,
      detached: by === "npm",
      env: { ...process.env, HOLDFAST_DATA_DIR: join(dir, "data"), ...env },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.said += chunk.toString()));
    }
    this.exited = new Promise((resolve) => this.#process.once("close", resolve));
    running.push(this);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  signal(signal: NodeJS.Signals, to: "npm" | "group"): void {
    const { pid } = this.#process;
    if (pid !== undefined) process.kill(to === "group" ? -pid : pid, signal);
  }

  /** Resolves once it has said this; rejects when it ends without. */
  async says(text: string): Promise<void> {
    let ended = false;
    void this.exited.then(() => (ended = true));
    while (!this.said.includes(text)) {
      if (ended) throw new Error(`It ended without saying “${text}”:\n${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const LONG = { timeout: 600_000 };
const RUNNING = "Holdfast is running";

async function childPids(): Promise<number[]> {
  const answer = await fetch(`http://127.0.0.1:${portBase}/dev/children`);
  const children = z.array(z.object({ pid: z.number() })).parse(await answer.json());
  return children.map(({ pid }) => pid);
}

async function developmentToken(): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${portBase}/dev/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ subject: "ada", tenant: "acme" }),
  });
  return z.object({ token: z.string() }).parse(await answer.json()).token;
}

async function turns(token: string, say?: string): Promise<string[]> {
  const client = connect({
    url: [`http://127.0.0.1:${portBase + 1}`, `http://127.0.0.1:${portBase + 2}`],
    token: () => token,
  });
  const session = client.session("kept", { agent: "concierge" });
  if (say !== undefined) session.send(say);
  await new Promise<void>((resolve) => {
    const look = (): void => {
      const { turns: ended, running, pending } = session.get();
      if (ended.length > 0 && running === null && pending.length === 0) resolve();
    };
    session.subscribe(look);
    look();
  });
  const texts = session.get().turns.map(textOf);
  await client.close();
  return texts;
}

test("npm start: one at a time, survives kill -9 with its sessions, leaves nothing running", LONG, async () => {
  const first = new Run();
  await first.says(RUNNING);
  expect(first.said).toContain(`http://localhost:${portBase}`);

  const second = new Run();
  expect(await second.exited).toBe(1);
  expect(second.said).toContain(`already running here (process ${first.pid})`);
  const elsewhere = new Run({ HOLDFAST_DATA_DIR: join(dir, "other") });
  expect(await elsewhere.exited).toBe(1);
  expect(elsewhere.said).toContain(`Port ${portBase} (web app) is in use: set HOLDFAST_WEB_PORT to another.`);

  const token = await developmentToken();
  const before = await turns(token, "Good morning!");
  expect(before).toHaveLength(1);

  const crashed = await childPids();
  first.kill("SIGKILL");
  await first.exited;
  expect(await Promise.all(crashed.map((pid) => goneWithin(pid, 60_000)))).toEqual(crashed.map(() => true));

  const again = new Run();
  await again.says(RUNNING);
  expect(await turns(token)).toEqual(before);
  const pids = await childPids();
  again.kill("SIGINT");
  expect(await again.exited).toBe(0);
  expect(await Promise.all(pids.map((pid) => goneWithin(pid, 0)))).toEqual(pids.map(() => true));
});

test("Ctrl-C while it starts: it ends with nothing left running", LONG, async () => {
  const run = new Run();
  await run.says("valkey is ready");
  run.kill("SIGINT");
  expect({ code: await run.exited, said: run.said }).toMatchObject({ code: 0 });
  const claims = portClaims(loadSettings(portBase, {}).ports, { temporal: false, valkey: false });
  const busy = [];
  for (const claim of claims) if (!(await isPortFree(claim.port))) busy.push(claim.what);
  expect(busy).toEqual([]);
});

/** Every way a wish to stop comes, as [signal, to whom]: npm's process, or the whole group it leads. */
const WISHES: readonly { how: string; signals: readonly [NodeJS.Signals, "npm" | "group"][] }[] = [
  {
    how: "timeout: npm, then everyone",
    signals: [
      ["SIGTERM", "npm"],
      ["SIGTERM", "group"],
    ],
  },
  {
    how: "a service manager, twice",
    signals: [
      ["SIGTERM", "group"],
      ["SIGTERM", "group"],
    ],
  },
  { how: "Ctrl-C in a terminal", signals: [["SIGINT", "group"]] },
  { how: "a termination of npm alone", signals: [["SIGTERM", "npm"]] },
  { how: "an interrupt of npm alone", signals: [["SIGINT", "npm"]] },
  { how: "a terminal that is closed", signals: [["SIGHUP", "group"]] },
];

test("npm start stops in order, however the signal comes", { timeout: 1_200_000 }, async () => {
  for (const { how, signals } of WISHES) {
    const run = new Run({}, "npm");
    await run.says(RUNNING);
    const pids = await childPids();
    for (const [signal, to] of signals) run.signal(signal, to);
    await run.exited;
    const isGone = await Promise.all(pids.map((pid) => goneWithin(pid, 0)));
    expect({ how, isGone, said: run.said }).toEqual({
      how,
      isGone: pids.map(() => true),
      said: expect.stringContaining("stopped; sessions are kept"),
    });
    expect(`${how}: ${run.said}`).not.toMatch(/starting it again|is back|ending everything/);
  }
});

test("Ctrl-C for the second time: it ends at once, and starts nothing again", LONG, async () => {
  const run = new Run();
  await run.says(RUNNING);
  const pids = await childPids();
  // A child that is paused ends only when its grace is over, so that the second Ctrl-C finds something to end.
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  run.kill("SIGINT");
  await run.says("once more ends it at once");
  const again = setInterval(() => run.kill("SIGINT"), 200);
  await run.exited;
  clearInterval(again);
  expect(run.said).toContain("ending everything at once");
  expect(run.said).not.toMatch(/starting it again|is back/);
  expect(await Promise.all(pids.map((pid) => goneWithin(pid, 0)))).toEqual(pids.map(() => true));
});

test("what was asked for is not right: a sentence, exit code 2, and nothing is started", async () => {
  const wrong: [Record<string, string>, string][] = [
    [{ HOLDFAST_LOG_LEVEL: "loud" }, "HOLDFAST_LOG_LEVEL"],
    [{ HOLDFAST_WEB_PORT: "6000" }, "Port 6000 (web app) is one that browsers refuse to open"],
    [{ HOLDFAST_MODEL_URL: "localhost:11434" }, "HOLDFAST_MODEL_URL"],
  ];
  for (const [env, sentence] of wrong) {
    const run = new Run(env);
    expect({ code: await run.exited, said: run.said }).toMatchObject({ code: 2 });
    expect(run.said).toContain(sentence);
    expect(run.said).not.toMatch(/is ready|\n {4}at /);
  }
});

test("npm run token: the edges' own secret, and a sentence where there is none", async () => {
  await mkdir(join(dir, "data"));
  const secret = developmentSecret(join(dir, "data"));
  const token = (...args: string[]) =>
    execa(process.execPath, [MAIN, "token", ...args], { env: { HOLDFAST_DATA_DIR: join(dir, "data") }, reject: false });
  const made = await token("--subject", "grace", "--tenant", "navy", "--shared", "ada/my-chat", "--expires", "60");
  const { payload } = await jwtVerify(made.stdout, new TextEncoder().encode(secret));
  expect(payload).toMatchObject({ sub: "grace", tenant: "navy", shared: ["ada/my-chat"] });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
  expect(await token("--subject", "a/b")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('"a/b" is no name'),
  });
  expect(await token("--shared", "my-chat")).toMatchObject({ exitCode: 2 });
  await rm(join(dir, "data"), { recursive: true });
  const none = await token();
  expect([none.exitCode, none.stdout]).toEqual([1, ""]);
  expect(none.stderr).toContain("run npm start once, which makes it");
});
