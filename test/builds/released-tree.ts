import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Tree } from "./patched-tree.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/**
 * The source tree of an earlier commit, with the dependencies its own lock file names: a release that is deployed somewhere.
 * Takes up to a minute. Rejects where the repository does not know `ref`, as in a shallow clone.
 */
export async function releasedTree(ref: string): Promise<Tree> {
  const root = await mkdtemp(join(tmpdir(), "holdfast-release-"));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    const archive = join(root, "release.tar");
    await run("git", ["archive", "--output", archive, ref], { cwd: ROOT });
    await run("tar", ["-xf", archive], { cwd: root });
    await rm(archive);
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: root, maxBuffer: 64 << 20 });
    return { root, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
