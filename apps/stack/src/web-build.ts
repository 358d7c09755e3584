import { stat, utimes } from "node:fs/promises";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ROOT } from "./paths.ts";
import { StackError } from "./stack-error.ts";

/** What the page is made of; a change in any of it makes the built page stale. */
const SOURCES = [
  "apps/web/{index.html,package.json,vite.config.ts}",
  "apps/web/{public,src/app}/**/*",
  "packages/{client,contract}/{package.json,src/**/*.{ts,tsx}}",
  "package-lock.json",
];
const PAGE = "apps/web/dist/index.html";

/** Builds the web app if it was never built or its sources are newer. */
export async function buildWebApp(onProgress: (line: string) => void): Promise<void> {
  const page = join(ROOT, PAGE);
  const builtAt = await modifiedAt(page);
  if (builtAt !== undefined && (await newestSource()) <= builtAt) return;
  onProgress("building the web app");
  const vite = join(ROOT, "node_modules", "vite", "bin", "vite.js");
  const startedAt = new Date();
  const build = await execa(process.execPath, [vite, "build"], {
    cwd: join(ROOT, "apps", "web"),
    reject: false,
    all: true,
  });
  if (build.failed) throw new StackError("build_failed", `The web app does not build:\n${build.all}`);
  // A source saved while the build ran must make the next start build again.
  await utimes(page, startedAt, startedAt);
}

async function newestSource(): Promise<number> {
  let newest = 0;
  for await (const path of glob(SOURCES, { cwd: ROOT })) {
    newest = Math.max(newest, (await modifiedAt(join(ROOT, path))) ?? 0);
  }
  return newest;
}

async function modifiedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return undefined;
  }
}
