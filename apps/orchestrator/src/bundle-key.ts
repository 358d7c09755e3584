import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Folders whose code the bundle is made of; a test looks into the bundle for others. */
export const BUNDLED = ["packages/contract", "packages/internal", "workflows"];
/** Which releases of everything else are installed, the SDK and its bundler among them; and how they are asked. */
const BUNDLER = [
  "node_modules/.package-lock.json",
  "apps/orchestrator/src/bundle.ts",
  "apps/orchestrator/src/loop-loader.ts",
];

/**
 * A digest of everything that goes into the workflow bundle of the source tree at `root`, its place included, which the
 * bundle names in stack traces. Rejects where it cannot tell, because dependencies were not installed by npm.
 */
export async function bundleKey(root: string): Promise<string> {
  const files = [...BUNDLER];
  for (const folder of BUNDLED) {
    const sources = await readdir(join(root, folder, "src"), { recursive: true, withFileTypes: true });
    files.push(join(folder, "package.json"));
    for (const entry of sources)
      if (entry.isFile()) files.push(join(entry.parentPath, entry.name).slice(root.length + 1));
  }
  const hash = createHash("sha256").update(JSON.stringify([root, process.versions.node]));
  for (const file of files.toSorted()) {
    const content = await readFile(join(root, file));
    hash.update(JSON.stringify([file, content.length])).update(content);
  }
  return hash.digest("hex").slice(0, 32);
}
