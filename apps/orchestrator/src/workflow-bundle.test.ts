import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeBundle, storedBundle } from "./workflow-bundle.ts";

/** What a key looks at: the least a source tree has. */
const FILES = [
  "node_modules/.package-lock.json",
  "apps/orchestrator/src/bundle.ts",
  "apps/orchestrator/src/loop-loader.ts",
  "packages/contract/package.json",
  "packages/contract/src/limits.ts",
  "packages/internal/package.json",
  "packages/internal/src/temporal.ts",
  "workflows/package.json",
  "workflows/src/session/workflow.ts",
];

let root: string;
let bundles: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-bundle-"));
  bundles = join(root, ".holdfast/bundles");
  for (const file of FILES) await write(file, file);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(file: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), content);
}

const make = (code: string) => makeBundle(root, () => Promise.resolve(code));

test("a bundle is made once for one state of the sources", async () => {
  expect(await storedBundle(root)).toBeUndefined();
  expect(await make("const one = 1;")).toEqual({ code: "const one = 1;" });
  expect(await storedBundle(root)).toBe("const one = 1;");
});

test.for([...FILES, "workflows/src/agents/new.ts"])("another bundle is made when %s is another", async (file) => {
  await make("old");
  await write(file, "changed");
  expect(await storedBundle(root)).toBeUndefined();
  await make("new");
  expect(await storedBundle(root)).toBe("new");
  if (FILES.includes(file)) await write(file, file);
  else await rm(join(root, file));
  expect(await storedBundle(root)).toBe("old");
});

test("a bundle that was cut short or changed is made again", async () => {
  await make("const whole = true;");
  const [name = ""] = await readdir(bundles);
  const whole = await readFile(join(bundles, name), "utf8");
  for (const damaged of ["", whole.slice(0, -1), whole.slice(0, 10), whole.replace("true", "fals"), `${whole} `]) {
    await writeFile(join(bundles, name), damaged);
    expect(await storedBundle(root)).toBeUndefined();
  }
  await make("const whole = true;");
  expect(await storedBundle(root)).toBe("const whole = true;");
});

test("two that make it at once do not get into each other's way", async () => {
  const code = "x".repeat(4 << 20);
  const makers = [1, 2, 3, 4].map(() => make(code));
  let reading = true;
  const reader = (async () => {
    while (reading) expect([undefined, code]).toContain(await storedBundle(root));
  })();
  expect((await Promise.all(makers)).map(({ unkept }) => unkept)).toEqual([undefined, undefined, undefined, undefined]);
  reading = false;
  await reader;
  expect(await storedBundle(root)).toBe(code);
  expect(await readdir(bundles)).toHaveLength(1);
});

test("where nothing can be written the bundle is used all the same", async () => {
  await writeFile(join(root, ".holdfast"), "not a folder");
  const { code, unkept } = await make("const one = 1;");
  expect(code).toBe("const one = 1;");
  expect(unkept).toMatchObject({ code: expect.stringMatching(/ENOTDIR|EEXIST/) });
  expect(await storedBundle(root)).toBeUndefined();
});

test("what was bundled while somebody edited is not kept", async () => {
  const { code, unkept } = await makeBundle(root, async () => {
    await appendFile(join(root, "workflows/src/session/workflow.ts"), "// edited");
    return "neither this nor that";
  });
  expect(code).toBe("neither this nor that");
  expect(unkept).toBeInstanceOf(Error);
  expect(await storedBundle(root)).toBeUndefined();
});

test("a tree whose dependencies npm did not install is bundled at every start", async () => {
  await rm(join(root, "node_modules/.package-lock.json"));
  const { code, unkept } = await make("const one = 1;");
  expect({ code, unkept }).toMatchObject({ code: "const one = 1;", unkept: { code: "ENOENT" } });
  expect(await storedBundle(root)).toBeUndefined();
});

test("bundles of old states, and drafts of processes that were killed, do not pile up", async () => {
  await mkdir(bundles, { recursive: true });
  await writeFile(join(bundles, "killed.draft"), "half");
  for (let state = 1; state <= 8; state++) {
    await write("workflows/src/session/workflow.ts", `state ${state}`);
    await make(`bundle ${state}`);
  }
  const kept = await readdir(bundles);
  expect(kept).toHaveLength(4);
  expect(kept).not.toContain("killed.draft");
  expect(await storedBundle(root)).toBe("bundle 8");
});
