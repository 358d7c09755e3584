import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StackOptions } from "@holdfast/stack/stack";
import { type Fixture, startFixture, temporaryFolder, withUndo } from "../kit/fixture.ts";
import { sum } from "../kit/statistics.ts";
import { until } from "../kit/wait.ts";

/** Bytes. `threads`: of all threads but the main one; of a moment before. */
export interface KeptHeap {
  main: number;
  threads: number;
}

/** A whole Holdfast whose processes tell what their heaps hold after a collection (see `heap-probe.ts`). */
export interface SoakFixture extends Fixture {
  /** Has the process collect its garbage. Undefined when it does not answer. */
  keptHeap(name: string): Promise<KeptHeap | undefined>;
}

/** A bound on a hang. */
const COLLECTION_MS = 30_000;

export function startSoakFixture(options: StackOptions = {}): Promise<SoakFixture> {
  return withUndo(async (undo) => {
    const heaps = await temporaryFolder(undo, "heaps");
    const probe = new URL("heap-probe.ts", import.meta.url).href;
    const all = { NODE_OPTIONS: `--import=${probe}`, SOAK_HEAP_DIR: heaps };
    const fixture = await startFixture({ ...options, env: { all } });
    undo(() => fixture.close());
    const { stack } = fixture;
    const heapOf = async (thread: string): Promise<number> => Number(await readFile(join(heaps, thread), "utf8"));
    const keptHeap = async (name: string): Promise<KeptHeap | undefined> => {
      const pid = stack.children().find((child) => child.name === name)?.pid;
      let main = 0;
      await rm(join(heaps, `${pid}.0`), { force: true });
      await stack.kill(name, "SIGUSR2");
      const collected = until(`${name} collects`, async () => (main = await heapOf(`${pid}.0`)) > 0, COLLECTION_MS);
      if ((await collected.catch(() => undefined)) === undefined) return undefined;
      const threads = (await readdir(heaps)).filter((each) => new RegExp(`^${pid}\\.[1-9]\\d*$`).test(each));
      return { main, threads: sum(await Promise.all(threads.map(heapOf)), (bytes) => bytes) };
    };
    return { ...fixture, keptHeap };
  });
}
