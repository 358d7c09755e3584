import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Stack } from "@holdfast/stack/stack";
import { until } from "../kit/wait.ts";

/** Bytes. `threads`: of all threads but the main one; of a moment before. */
export interface KeptHeap {
  main: number;
  threads: number;
}

/** A bound on a hang. */
const COLLECTION_MS = 30_000;

/** What the heaps of a stack's processes hold after a collection (see `heap-probe.ts`). */
export class KeptHeaps {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async prepare(): Promise<KeptHeaps> {
    return new KeptHeaps(await mkdtemp(join(tmpdir(), "holdfast-heaps-")));
  }

  /** What the stack's apps have to be started with. */
  get env(): Record<string, string> {
    const probe = pathToFileURL(join(import.meta.dirname, "heap-probe.ts")).href;
    return { NODE_OPTIONS: `--import=${probe}`, SOAK_HEAP_DIR: this.#dir };
  }

  /** Has the process collect its garbage. Undefined when it does not answer. */
  async of(stack: Stack, name: string, pid: number): Promise<KeptHeap | undefined> {
    const file = join(this.#dir, `${pid}.0`);
    const before = await modifiedAt(file);
    await stack.kill(name, "SIGUSR2");
    const collected = until(`${name} collects`, async () => (await modifiedAt(file)) !== before, COLLECTION_MS);
    if ((await collected.catch(() => undefined)) === undefined) return undefined;
    const files = (await readdir(this.#dir)).filter((each) => new RegExp(`^${pid}\\.[1-9]\\d*$`).test(each));
    const threads = await Promise.all(files.map((each) => this.#read(each)));
    return { main: await this.#read(`${pid}.0`), threads: threads.reduce((sum, bytes) => sum + bytes, 0) };
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #read(file: string): Promise<number> {
    return Number(await readFile(join(this.#dir, file), "utf8"));
  }
}

async function modifiedAt(file: string): Promise<bigint> {
  return stat(file, { bigint: true }).then(
    ({ mtimeNs }) => mtimeNs,
    () => 0n,
  );
}
