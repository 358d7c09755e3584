import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "./lock.ts";
import { commandLine } from "./process-table.ts";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-lock-"));
  path = join(dir, "lock");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const holder = (pid: number | undefined, command: string): Promise<void> =>
  writeFile(path, JSON.stringify({ pid, command, nonce: "n" }));

test("a lock is held until it is released, and leaves nothing behind", async () => {
  const first = takeLock(path);
  expect(takeLock(path)).toEqual({ outcome: "held", pid: process.pid });
  if (first.outcome === "taken") first.release();
  expect(await readdir(dir)).toEqual([]);
  expect(takeLock(path).outcome).toBe("taken");
});

test("a dead process's lock is taken over", async () => {
  const { pid } = spawnSync("true");
  await holder(pid, "true");
  expect(takeLock(path).outcome).toBe("taken");
});

test("a lock whose process id now belongs to another program is taken over", async () => {
  await holder(process.pid, "what ran under this id before");
  expect(takeLock(path).outcome).toBe("taken");
});

test("a lock of a living process is respected", async () => {
  await holder(process.ppid, commandLine(process.ppid) ?? "");
  expect(takeLock(path)).toEqual({ outcome: "held", pid: process.ppid });
});

test("half of a lock file is taken over", async () => {
  await writeFile(path, '{"pid":');
  expect(takeLock(path).outcome).toBe("taken");
});

test("releasing does not remove a lock that somebody else took over", async () => {
  const mine = takeLock(path);
  await holder(process.ppid, commandLine(process.ppid) ?? "");
  if (mine.outcome === "taken") mine.release();
  expect(await readFile(path, "utf8")).toContain(`${process.ppid}`);
});

test("of many processes that find a dead one's lock, one at a time holds it", async () => {
  const { pid } = spawnSync("true");
  await holder(pid, "true");
  const log = join(dir, "log");
  const contender = join(dir, "contender.mjs");
  await writeFile(
    contender,
    `import { appendFileSync } from "node:fs";
     import { waitForLock } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
     const release = await waitForLock(${JSON.stringify(path)}, () => {});
     appendFileSync(${JSON.stringify(log)}, "in\\n");
     await new Promise((resolve) => setTimeout(resolve, 20));
     appendFileSync(${JSON.stringify(log)}, "out\\n");
     release();`,
  );
  await Promise.all(Array.from({ length: 6 }, () => execa(process.execPath, [contender])));
  expect(await readFile(log, "utf8")).toBe("in\nout\n".repeat(6));
});
