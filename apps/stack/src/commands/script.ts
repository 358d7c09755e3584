import { join } from "node:path";
import { execa } from "execa";
import { ROOT } from "../paths.ts";

/** Runs one of our programs on this Node, in this terminal. Returns its exit code. */
export async function runScript(path: string, args: readonly string[]): Promise<number> {
  const run = await execa(process.execPath, [join(ROOT, path), ...args], {
    cwd: ROOT,
    stdio: "inherit",
    reject: false,
  });
  return run.exitCode ?? 1;
}

/** Runs a tool out of node_modules in this terminal. Returns its exit code, 1 when a signal ended it. */
export async function runTool(name: string, args: readonly string[]): Promise<number> {
  // Local binaries first on PATH: a tool's own `env node` then finds the pinned Node too.
  const run = await execa(name, args, {
    cwd: ROOT,
    preferLocal: true,
    localDir: ROOT,
    stdio: "inherit",
    reject: false,
  });
  return run.exitCode ?? 1;
}
