// Runs on the Node a machine happens to have (20 or later) with nothing installed: it installs the dependencies, one of
// which is the Node that Holdfast itself runs on, and hands over to that. Hence plain JavaScript without imports.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;
const NODE = 24;
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const MODULES = join(ROOT, "node_modules");
const NODE_BINARY = join(MODULES, ".bin", "node");
/** Written into node_modules as the last act of an install: a tree without it, or with another hash, is not used. */
const STAMP = join(MODULES, ".holdfast-install");

class Advice extends Error {}

function requireThisNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE) {
    throw new Advice(
      `Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or later and run this again.`,
    );
  }
  if (process.platform === "win32") {
    throw new Advice("Holdfast runs on Linux and macOS; on Windows run it inside WSL.");
  }
}

/** What an install depends on: the lock file, and the platform its binaries are for. */
function wantedStamp() {
  const lock = readFileSync(join(ROOT, "package-lock.json"));
  return `${createHash("sha256").update(lock).digest("hex")} ${process.platform}-${process.arch}`;
}

function isInstalled() {
  try {
    if (readFileSync(STAMP, "utf8") === wantedStamp()) return true;
  } catch {
    // Never installed by us.
  }
  if (!npmInstalledAll()) return false;
  writeFileSync(STAMP, wantedStamp());
  return true;
}

/** npm's own record, written when an install is complete, has all that the lock file asks for: somebody ran npm by hand. */
function npmInstalledAll() {
  const installed = readJson(join(MODULES, ".package-lock.json"))?.packages;
  if (installed === undefined) return false;
  const wanted = readJson(join(ROOT, "package-lock.json"))?.packages ?? {};
  return Object.entries(wanted).every(
    ([path, { version, link, optional }]) =>
      !path.includes("node_modules/") || link || optional || installed[path]?.version === version,
  );
}

/** The pinned Node runs and is of the right major version. */
function nodeWorks(binary = NODE_BINARY) {
  const run = spawnSync(binary, ["-p", "process.versions.node"], { encoding: "utf8" });
  return run.status === 0 && run.stdout.startsWith(`${NODE}.`);
}

/** npm as the command that runs us calls it, else the one on PATH. */
function npmCommand() {
  const script = process.env.npm_execpath;
  if (script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script)) return [process.execPath, script];
  if (spawnSync("npm", ["--version"]).status === 0) return ["npm"];
  throw new Advice("npm was not found: it comes with Node; install it and run this again.");
}

async function install(why) {
  refuseUnderRunningStack();
  const release = takeInstallLock();
  try {
    console.log(`· installing dependencies (${why}); the first time takes a minute or so`);
    await npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    if (!nodeWorks()) await repairNode();
    writeFileSync(STAMP, wantedStamp());
    console.log("· dependencies are installed");
  } finally {
    release();
  }
}

/** npm may be told not to run packages' install scripts; the one that fetches Node can then be run by hand. */
async function repairNode() {
  const folder = join(MODULES, "node");
  if (existsSync(folder)) {
    console.log(`· fetching Node ${NODE}`);
    await run([process.execPath, "installArchSpecificPackage.js"], folder).catch(() => {});
    // npm links only executables that exist when it installs.
    if (existsSync(join(folder, "bin", "node")) && !existsSync(NODE_BINARY))
      symlinkSync("../node/bin/node", NODE_BINARY);
  }
  if (!nodeWorks()) {
    throw new Advice(
      `Node ${NODE} (npm package "node") was not installed: check the network and that npm may run the install script of ` +
        `"node", delete node_modules and run this again.`,
    );
  }
}

/** `npm ci` empties node_modules first, which would pull the ground from under a stack that runs from it. */
function refuseUnderRunningStack() {
  const holder = readJson(resolve(ROOT, process.env.HOLDFAST_DATA_DIR || ".holdfast", "lock"));
  if (isAlive(holder?.pid)) {
    throw new Advice(
      `The dependencies changed and must be installed, but Holdfast is running (process ${holder.pid}): stop it first.`,
    );
  }
}

/** A complete file appears by `link`, so of two installs that begin together one wins. */
function takeInstallLock() {
  const folder = join(ROOT, ".holdfast");
  const path = join(folder, "install.lock");
  const draft = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(draft, JSON.stringify({ pid: process.pid }));
  try {
    if (!isAlive(readJson(path)?.pid)) rmSync(path, { force: true });
    linkSync(draft, path);
  } catch {
    const pid = readJson(path)?.pid;
    throw new Advice(`Another install runs here (process ${pid}): wait for it to end and run this again.`);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(path, { force: true });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  if (!Number.isInteger(pid)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

async function npm(args) {
  const stopProgress = showProgress();
  try {
    await run([...npmCommand(), ...args], ROOT);
  } catch (error) {
    if (error instanceof Advice) throw error;
    throw new Advice(
      `npm ${args[0]} failed (${error.message}; its words are above): check the network and npm's registry settings and ` +
        "run this again; it begins anew.",
    );
  } finally {
    stopProgress();
  }
}

/** npm says nothing while it works unless it has a terminal. */
function showProgress() {
  const startedAt = Date.now();
  const timer = setInterval(() => {
    console.log(`·   still installing, ${Math.round((Date.now() - startedAt) / 1000)} s`);
  }, 5000);
  return () => clearInterval(timer);
}

/** Runs a command in this terminal; rejects when it fails. */
function run([command, ...args], cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(signal ?? `exit code ${code}`));
    });
  });
}

/**
 * Hands over to the pinned Node, and passes signals on. Most senders (a terminal's Ctrl-C, `timeout`, service managers) signal the
 * whole process group, so it hears of one wish more than once, and takes that into account. The IPC channel tells it when this
 * process is gone.
 */
function handOver(node, args) {
  const child = spawn(node, [join(ROOT, "apps", "stack", "src", "main.ts"), ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("error", (error) =>
    fail(new Advice(`Node ${NODE} does not start (${error.message}): delete node_modules.`)),
  );
  child.once("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function fail(error) {
  console.error(error instanceof Advice ? `\n${error.message}` : error);
  process.exit(1);
}

try {
  requireThisNode();
  if (!isInstalled())
    await install(existsSync(MODULES) ? "they are missing, out of date or half-finished" : "none yet");
  else if (!nodeWorks()) await install(`the pinned Node ${NODE} does not run`);
  handOver(NODE_BINARY, process.argv.slice(2));
} catch (error) {
  fail(error);
}
