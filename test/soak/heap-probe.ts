/**
 * Loaded into every process of a soaked stack, and into each of its threads, by NODE_OPTIONS=--import. At SIGUSR2 each
 * thread collects its garbage and writes what its heap then holds to `<SOAK_HEAP_DIR>/<pid>.<thread>`. Threads count one by one: a
 * workflow's objects are in the heap of a worker thread, which the process's own metrics do not show.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads";

// A context made after the flag has `gc`; this process was started without it.
setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

/**
 * Bytes of this thread's heap that are in use after a full collection, and of buffers its objects hold outside of it: what is
 * kept, not what has not been collected yet.
 */
export function keptHeap(): number {
  if (typeof collect !== "function") throw new Error("This Node does not expose its garbage collector.");
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function reportTo(dir: string): void {
  const file = join(dir, `${process.pid}.${threadId}`);
  // Renamed into place, so that it is never read half written.
  writeFileSync(`${file}.new`, String(keptHeap()));
  renameSync(`${file}.new`, file);
}

const dir = process.env["SOAK_HEAP_DIR"];
if (dir !== undefined) {
  const channel = new BroadcastChannel("holdfast-soak");
  channel.unref();
  if (!isMainThread) channel.onmessage = () => reportTo(dir);
  else
    process.on("SIGUSR2", () => {
      channel.postMessage("report");
      reportTo(dir);
    });
}
