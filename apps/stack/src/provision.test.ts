import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { provision } from "./provision.ts";
import type { Tool } from "./provisioning/wheels.ts";

/** A wheel of our own, found by the real pip in a local folder: its executable says which version it is. */
let dir: string;
let binDir: string;
let tool: Tool;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-provision-"));
  binDir = join(dir, "bin");
  const sha256 = await makeWheel("exit 0");
  tool = {
    distribution: "holdfast-fixture",
    version: "1.0",
    executables: ["holdfast-fixture"],
    binaryVariable: "HOLDFAST_FIXTURE_BIN",
    addressVariable: "HOLDFAST_FIXTURE_URL",
    minimum: [7, 0],
    versionPattern: /v=(\d+)\.(\d+)/,
    wheels: { [`${process.platform}-${process.arch}`]: { platform: "any", sha256, executable: "fixture/server" } },
  };
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", join(dir, "wheels"));
  vi.stubEnv("PIP_CONFIG_FILE", "/dev/null");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

const WHEEL_METADATA = {
  "holdfast_fixture-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: holdfast-fixture\nVersion: 1.0\n",
  "holdfast_fixture-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  "holdfast_fixture-1.0.dist-info/RECORD": "",
};

async function makeWheel(then: string): Promise<string> {
  const source = join(dir, "source");
  const files = { ...WHEEL_METADATA, "fixture/server": `#!/bin/sh\necho fixture v=9.1\n${then}\n` };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(source, path, ".."), { recursive: true });
    await writeFile(join(source, path), text);
  }
  await mkdir(join(dir, "wheels"), { recursive: true });
  const wheel = join(dir, "wheels", "holdfast_fixture-1.0-py3-none-any.whl");
  await rm(wheel, { force: true });
  await execa("python3", ["-m", "zipfile", "-c", wheel, "fixture", "holdfast_fixture-1.0.dist-info"], { cwd: source });
  return createHash("sha256")
    .update(await readFile(wheel))
    .digest("hex");
}

async function script(name: string, body: string): Promise<string> {
  const path = join(dir, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

const installed = (): string => join(binDir, "holdfast-fixture-1.0", "server");
const runs = async (path: string): Promise<string> => (await execa(path, [])).stdout;

test("a tool nobody has is downloaded once, and found in the cache from then on", async () => {
  const told: string[] = [];
  const onProgress = (line: string): void => void told.push(line);
  expect(await provision(tool, { binDir, onProgress })).toBe(installed());
  expect(await provision(tool, { binDir, onProgress })).toBe(installed());
  expect(told).toEqual(["downloading holdfast-fixture 1.0 (once)"]);
  expect(await runs(installed())).toBe("fixture v=9.1");
  expect(await readdir(binDir)).toEqual(["holdfast-fixture-1.0"]);
});

test("many at once get the same whole binary and download it once", async () => {
  const told: string[] = [];
  const onProgress = (line: string): void => void told.push(line);
  const paths = await Promise.all(Array.from({ length: 8 }, () => provision(tool, { binDir, onProgress })));
  expect(new Set(paths)).toEqual(new Set([installed()]));
  expect(told.filter((line) => line.startsWith("downloading"))).toHaveLength(1);
});

const receipt = (size: number): string => JSON.stringify({ sha256: Object.values(tool.wheels)[0]?.sha256, size });

test.for([
  { what: "the executable is cut short", size: 1_000, executable: "#!/bin/sh\nec" },
  { what: "the executable is missing", size: 1_000 },
  { what: "nothing says what is in it", executable: "#!/bin/sh\necho half\n" },
])("a half-finished install is repaired: $what", async ({ size, executable }) => {
  await mkdir(join(installed(), ".."), { recursive: true });
  if (executable !== undefined) await writeFile(installed(), executable, { mode: 0o755 });
  if (size !== undefined) await writeFile(join(installed(), "..", "receipt.json"), receipt(size));
  expect(await runs(await provision(tool, { binDir }))).toBe("fixture v=9.1");
});

test("what a killed install left behind is removed", async () => {
  const { pid } = spawnSync("true");
  await mkdir(join(binDir, `.tmp-${pid}-abc`), { recursive: true });
  await writeFile(join(binDir, "holdfast-fixture.lock"), JSON.stringify({ pid, command: "x", nonce: "y" }));
  await provision(tool, { binDir });
  expect(await readdir(binDir)).toEqual(["holdfast-fixture-1.0"]);
});

test("a file that is not the pinned one is refused, and nothing is installed", async () => {
  await makeWheel("echo changed");
  await expect(provision(tool, { binDir })).rejects.toMatchObject({ code: "wrong_hash" });
  expect(await readdir(binDir)).toEqual([]);
});

test("no network: the sentence names the ways out", async () => {
  vi.stubEnv("PIP_FIND_LINKS", join(dir, "nothing"));
  const failure = provision(tool, { binDir });
  await expect(failure).rejects.toMatchObject({ code: "download_failed" });
  await expect(failure).rejects.toThrow(/network.*holdfast-fixture.*HOLDFAST_FIXTURE_BIN.*HOLDFAST_FIXTURE_URL/s);
});

test("no Python: the sentence says to install it, or how to do without", async () => {
  vi.stubEnv("HOLDFAST_PYTHON", join(dir, "no-python"));
  const failure = provision(tool, { binDir });
  await expect(failure).rejects.toMatchObject({ code: "no_python" });
  await expect(failure).rejects.toThrow(/Install Python 3.*HOLDFAST_FIXTURE_URL/);
});

test("a Python without pip: a throw-away environment has one", { timeout: 240_000 }, async () => {
  const python = await script("python", '[ "$2" = pip ] && exit 1\nexec python3 "$@"');
  vi.stubEnv("HOLDFAST_PYTHON", python);
  expect(await runs(await provision(tool, { binDir }))).toBe("fixture v=9.1");
});

test("a Python without pip and without venv: the sentence says what to install", async () => {
  const python = await script("python", 'case "$2" in pip|venv) exit 1;; esac\nexec python3 "$@"');
  vi.stubEnv("HOLDFAST_PYTHON", python);
  await expect(provision(tool, { binDir })).rejects.toThrow(/python3-venv/);
});

test("a platform without a build is told how to do without", async () => {
  await expect(provision({ ...tool, wheels: {} }, { binDir })).rejects.toMatchObject({ code: "no_binary" });
});

test("a binary named by its variable is used as it is, and refused when it cannot serve", async () => {
  const good = await script("good", "echo v=7.2");
  const old = await script("old", "echo v=6.2");
  vi.stubEnv("HOLDFAST_FIXTURE_BIN", good);
  expect(await provision(tool, { binDir })).toBe(good);
  for (const bad of [old, join(dir, "missing")]) {
    vi.stubEnv("HOLDFAST_FIXTURE_BIN", bad);
    await expect(provision(tool, { binDir })).rejects.toMatchObject({ code: "unusable_binary" });
  }
});

test("PATH spares the download, but not with a version that is too old", async () => {
  const good = await script("new/holdfast-fixture", "echo v=7.0");
  const old = await script("old/holdfast-fixture", "echo v=6.9");
  const rest = process.env["PATH"] ?? "";
  vi.stubEnv("PATH", `${join(old, "..")}:${join(good, "..")}:${rest}`);
  expect(await provision(tool, { binDir })).toBe(good);
  expect(await provision(tool, { binDir, pinned: true })).toBe(installed());
  vi.stubEnv("PIP_FIND_LINKS", join(dir, "nothing"));
  expect(await provision(tool, { binDir: join(dir, "offline"), pinned: true })).toBe(good);
  vi.stubEnv("PIP_FIND_LINKS", join(dir, "wheels"));
  vi.stubEnv("PATH", `${join(old, "..")}:${rest}`);
  expect(await provision(tool, { binDir: join(dir, "other") })).toBe(
    join(dir, "other", "holdfast-fixture-1.0", "server"),
  );
});
