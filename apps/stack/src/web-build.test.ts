import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ROOT } from "./paths.ts";
import { buildWebApp } from "./web-build.ts";

/** A copy of everything the page is made of. */
let root: string;
let said: string[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "holdfast-web-build-")));
  said = [];
  for (const path of ["apps/web", "packages/client", "packages/contract", "package.json", "package-lock.json"]) {
    const isBuilt = (from: string): boolean => /\/(dist|dist\.new|dist\.old|node_modules)$/.test(from);
    await cp(join(ROOT, path), join(root, path), { recursive: true, filter: (from) => !isBuilt(from) });
  }
  await symlink(join(ROOT, "node_modules"), join(root, "node_modules"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const build = (): Promise<void> => buildWebApp((line) => said.push(line), root);

async function script(): Promise<string> {
  const assets = join(root, "apps/web/dist/assets");
  const names = (await readdir(assets)).filter((name) => name.endsWith(".js"));
  return (await Promise.all(names.map((name) => readFile(join(assets, name), "utf8")))).join("\n");
}

/** Words that only React's development build has. */
const DEVELOPMENT = /Maximum update depth exceeded|Download the React DevTools/;

test("the page is a production build, whatever called it, and is built once for one state of its sources", async () => {
  vi.stubEnv("NODE_ENV", "test");
  await build();
  expect(await script()).not.toMatch(DEVELOPMENT);
  vi.stubEnv("NODE_ENV", "development");
  await build();
  expect(said).toEqual(["building the web app"]);
});

test("a page that other hands built is not used, and a changed source makes another", async () => {
  await build();
  await rm(join(root, "apps/web/dist"), { recursive: true });
  await mkdir(join(root, "apps/web/dist"));
  await writeFile(join(root, "apps/web/dist/index.html"), "a page of somebody's own");
  await build();
  expect(await script()).not.toMatch(DEVELOPMENT);
  const page = join(root, "apps/web/index.html");
  // A tool that keeps the time of a file does not hide its change.
  await writeFile(
    page,
    (await readFile(page, "utf8")).replace("</head>", '<meta name="changed" content="yes" /></head>'),
  );
  await build();
  expect(await readFile(join(root, "apps/web/dist/index.html"), "utf8")).toContain('name="changed"');
  expect(said).toHaveLength(3);
});

test("sources that do not build: the reason is told, and the page that was there stays", async () => {
  await build();
  await writeFile(join(root, "apps/web/src/app/main.tsx"), "this is no program(");
  await expect(build()).rejects.toThrow(/The web app does not build[\s\S]*main\.tsx/);
  expect(await script()).not.toBe("");
});
