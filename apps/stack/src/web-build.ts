import { createHash } from "node:crypto";
import { glob, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { waitForLock } from "./lock.ts";
import { ROOT } from "./paths.ts";
import { StackError } from "./stack-error.ts";

/** Everything a page is made of; a change in any of it makes a built page stale. */
const SOURCES = [
  "apps/web/{index.html,package.json,vite.config.ts,.env*}",
  "apps/web/{public,src/app}/**/*",
  "packages/{client,contract}/{package.json,src/**/*.{ts,tsx}}",
  "{package-lock.json,tsconfig.json}",
];
const WEB = join("apps", "web");
/** In the folder of the page it tells about: what was built by other hands, or was not finished, has none. */
const STAMP = ".holdfast-build";

/**
 * Builds the web app into apps/web/dist unless what is there is a production build of the same sources. It is one whatever called
 * us: under a test runner NODE_ENV says `test`, which Vite would take for a wish to have React's development build.
 */
export async function buildWebApp(onProgress: (line: string) => void, root: string = ROOT): Promise<void> {
  const page = join(root, WEB, "dist");
  if ((await stampOf(page)) === (await keyOf(root))) return;
  const release = await waitForLock(join(root, ".holdfast", "web-build.lock"), (pid) =>
    onProgress(`waiting for process ${pid}, which is building the web app`),
  );
  try {
    const key = await keyOf(root);
    if ((await stampOf(page)) === key) return;
    onProgress("building the web app");
    await build(root);
    // A source saved while the build ran must make the next start build again.
    if ((await keyOf(root)) === key) await writeFile(join(page, STAMP), key);
  } finally {
    release();
  }
}

/** Beside the old page, which takes its place only when it is whole: somebody may be reading the old one. */
async function build(root: string): Promise<void> {
  const page = join(root, WEB, "dist");
  const [draft, old] = [`${page}.new`, `${page}.old`];
  const vite = join(ROOT, "node_modules", "vite", "bin", "vite.js");
  const run = await execa(
    process.execPath,
    [vite, "build", "--mode", "production", "--outDir", draft, "--emptyOutDir"],
    {
      cwd: join(root, WEB),
      env: environment(),
      extendEnv: false,
      reject: false,
      all: true,
    },
  );
  if (run.failed) {
    await rm(draft, { recursive: true, force: true });
    throw new StackError("build_failed", `The web app does not build:\n${run.all}`);
  }
  await rm(old, { recursive: true, force: true });
  await rename(page, old).catch(() => {});
  await rename(draft, page);
  await rm(old, { recursive: true, force: true });
}

/** Variables that begin with VITE_ would go into the page, and are in no key. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("VITE_"));
  return { ...Object.fromEntries(inherited), NODE_ENV: "production" };
}

async function stampOf(page: string): Promise<string | undefined> {
  return readFile(join(page, STAMP), "utf8").catch(() => undefined);
}

async function keyOf(root: string): Promise<string> {
  const files: string[] = [];
  for await (const entry of glob(SOURCES, { cwd: root, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name));
  }
  const hash = createHash("sha256").update(process.versions.node);
  for (const file of files.toSorted()) {
    const content = await readFile(file);
    hash.update(JSON.stringify([file.slice(root.length), content.length])).update(content);
  }
  return hash.digest("hex");
}
