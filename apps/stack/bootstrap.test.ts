import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

/**
 * A repository in small: the real bootstrap and the real npm, with a package "node" of its own that is the Node which runs
 * this test, and a main.ts that tells what it was asked. Nothing is fetched from a registry.
 */
let root: string;
let bootstrap: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "holdfast-bootstrap-")));
  bootstrap = join(root, "apps", "stack", "bootstrap.mjs");
  await mkdir(join(root, "apps", "stack", "src"), { recursive: true });
  await cp(join(import.meta.dirname, "bootstrap.mjs"), bootstrap);
  await writeFile(join(root, "apps", "stack", "src", "main.ts"), MAIN);
  await makeNodePackage();
  await writePackage("1.0.0");
});
afterEach(() => rm(root, { recursive: true, force: true }));

const MAIN = `
const [command, ...rest]: string[] = process.argv.slice(2);
if (command === "wait") {
  process.on("SIGTERM", () => { console.log("asked to stop"); process.exit(3); });
  process.once("disconnect", () => process.exit(4));
  setInterval(() => {}, 1000);
}
// Last, because a test sends its signal when it reads this.
console.log("handed over", process.version, command, ...rest);
if (command === "fail") process.exit(7);
`;

async function makeNodePackage(): Promise<void> {
  const folder = join(root, "vendor", "node");
  await mkdir(join(folder, "bin"), { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "node", version: "24.0.0", bin: "bin/node" }));
  await symlink(process.execPath, join(folder, "bin", "node"));
}

async function writePackage(version: string): Promise<void> {
  const dependencies = { node: "file:vendor/node" };
  await writeFile(join(root, "package.json"), JSON.stringify({ name: "small", version, private: true, dependencies }));
  await execa("npm", ["install", "--package-lock-only", "--offline"], { cwd: root });
}

/** Runs the bootstrap as `npm run` would, but for npm's environment. */
async function boot(args: readonly string[], env: Record<string, string> = {}) {
  const run = await execa(process.execPath, [bootstrap, ...args], {
    cwd: root,
    env: { npm_config_offline: "true", npm_execpath: "", ...env },
    all: true,
    reject: false,
  });
  return { code: run.exitCode, said: run.all };
}

const installs = (said: string): boolean => said.includes("installing dependencies");

test("nothing installed: installs, then hands the command over to the pinned Node", async () => {
  const first = await boot(["start", "--port-base", "5000"]);
  expect(first).toMatchObject({ code: 0 });
  expect(installs(first.said)).toBe(true);
  expect(first.said).toContain(`handed over ${process.version} start --port-base 5000`);
  expect(installs((await boot(["start"])).said)).toBe(false);
});

test("the command's exit code is passed on", async () => {
  expect(await boot(["fail"])).toMatchObject({ code: 7 });
});

test("a changed lock file: installs again", async () => {
  await boot(["start"]);
  await writePackage("2.0.0");
  await rm(join(root, "node_modules", ".package-lock.json"), { force: true });
  expect(installs((await boot(["start"])).said)).toBe(true);
});

test("a half-finished install: installs again", async () => {
  await boot(["start"]);
  await rm(join(root, "node_modules", ".holdfast-install"));
  await rm(join(root, "node_modules", ".package-lock.json"));
  const again = await boot(["start"]);
  expect(again).toMatchObject({ code: 0 });
  expect(installs(again.said)).toBe(true);
});

test("what somebody installed with npm by hand is taken as it is", async () => {
  await execa("npm", ["ci", "--offline"], { cwd: root });
  expect(installs((await boot(["start"])).said)).toBe(false);
});

test("a Node that does not run: installs again, and says what to do if that does not help", async () => {
  await boot(["start"]);
  const binary = join(root, "vendor", "node", "bin", "node");
  await rm(binary);
  await writeFile(binary, "half of a program");
  await chmod(binary, 0o755);
  const broken = await boot(["start"]);
  expect(broken).toMatchObject({ code: 1 });
  expect(broken.said).toMatch(/Node 24 \(npm package "node"\) was not installed: .* delete node_modules/s);
  await rm(binary);
  await symlink(process.execPath, binary);
  expect(await boot(["start"])).toMatchObject({ code: 0 });
});

test("npm fails (no network, for one): a sentence, exit code 1, and the next run begins anew", async () => {
  const lock = join(root, "package-lock.json");
  const good = await readFile(lock, "utf8");
  await writeFile(lock, "{}");
  const failed = await boot(["start"]);
  expect(failed).toMatchObject({ code: 1 });
  expect(failed.said).toMatch(/npm ci failed .* check the network/s);
  expect(failed.said).not.toContain("handed over");
  await writeFile(lock, good);
  expect(await boot(["start"])).toMatchObject({ code: 0 });
});

test("no npm: a sentence", async () => {
  const { code, said } = await boot(["start"], { PATH: join(root, "empty") });
  expect(code).toBe(1);
  expect(said).toContain("npm was not found");
});

test("an install under a running stack is refused, one beside another install too", async () => {
  await mkdir(join(root, ".holdfast"));
  const alive = JSON.stringify({ pid: process.pid });
  await writeFile(join(root, ".holdfast", "lock"), alive);
  expect((await boot(["start"])).said).toContain(`Holdfast is running (process ${process.pid})`);
  await rm(join(root, ".holdfast", "lock"));
  for (const folder of ["elsewhere", join(root, "somewhere", "else")]) {
    await mkdir(resolve(root, folder), { recursive: true });
    await writeFile(resolve(root, folder, "lock"), alive);
    const { said } = await boot(["start"], { HOLDFAST_DATA_DIR: folder });
    expect(said).toContain(`Holdfast is running (process ${process.pid})`);
  }
  await writeFile(join(root, ".holdfast", "install.lock"), alive);
  expect((await boot(["start"])).said).toContain(`Another install runs here (process ${process.pid})`);
  await writeFile(join(root, ".holdfast", "install.lock"), JSON.stringify({ pid: 2 ** 22 + 1 }));
  expect(await boot(["start"])).toMatchObject({ code: 0 });
});

test("SIGTERM is passed on, and kill -9 of the bootstrap is noticed", async () => {
  await boot(["start"]);
  for (const { signal, code, said } of [
    { signal: "SIGTERM", code: 3, said: "asked to stop" },
    { signal: "SIGKILL", code: null, said: "handed over" },
  ] as const) {
    const child = spawn(process.execPath, [bootstrap, "wait"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    // The pipe closes when the last process that holds it has ended, so `close` waits for the one handed over to as well.
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
    child.stdout.on("data", (chunk: Buffer) => {
      const waiting = !output.includes("wait");
      output += chunk.toString();
      if (waiting && output.includes("wait")) child.kill(signal);
    });
    expect(await closed).toBe(code);
    expect(output).toContain(said);
  }
});
