import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SOURCES = ["apps", "packages", "workflows", "activities", "package.json", "tsconfig.json"];
const OUTPUT = new Set(["node_modules", "dist", "test"]);

/** One change to one file: `find` must be in it exactly once, so that a patch the code has moved away from fails. */
export interface Patch {
  /** Path from the repository's root. */
  file: string;
  find: string;
  replace: string;
}

/** A source tree that apps can run from. */
export interface Tree {
  root: string;
  remove(): Promise<void>;
}

/** A copy of this repository with changes in it: the build somebody else might have made. Its dependencies are this one's. */
export async function patchedTree(patches: readonly Patch[]): Promise<Tree> {
  const root = await mkdtemp(join(tmpdir(), "holdfast-build-"));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    for (const source of SOURCES) {
      const filter = (path: string): boolean => !OUTPUT.has(basename(path));
      await cp(join(ROOT, source), join(root, source), { recursive: true, filter });
    }
    await linkDependencies(root);
    for (const patch of patches) await apply(root, patch);
    return { root, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Every package of ours is the copy's, every other one is this repository's. */
async function linkDependencies(root: string): Promise<void> {
  const [from, to] = [join(ROOT, "node_modules"), join(root, "node_modules")];
  await mkdir(join(to, "@holdfast"), { recursive: true });
  for (const name of await readdir(from)) if (name !== "@holdfast") await symlink(join(from, name), join(to, name));
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.name !== "package.json" || entry.parentPath === root || entry.parentPath.includes("node_modules"))
      continue;
    const { name }: { name: string } = JSON.parse(await readFile(join(entry.parentPath, entry.name), "utf8"));
    await symlink(entry.parentPath, join(to, name));
  }
}

async function apply(root: string, { file, find, replace }: Patch): Promise<void> {
  const source = await readFile(join(root, file), "utf8");
  if (source.split(find).length !== 2) throw new Error(`"${find}" is not in ${file} exactly once`);
  await writeFile(
    join(root, file),
    source.replace(find, () => replace),
  );
}
