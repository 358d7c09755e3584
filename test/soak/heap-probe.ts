/**
 * Loaded into every process of a soaked stack, and into each of its threads, by NODE_OPTIONS=--import. At SIGUSR2 each
 * thread collects its garbage and writes what its heap then holds to `<SOAK_HEAP_DIR>/<pid>.<thread>`. Threads count one by one: a
 * workflow's objects are in the heap of a worker thread, which the process's own metrics do not show.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads";
import { keptHeap } from "./garbage.ts";

const dir = process.env["SOAK_HEAP_DIR"];
const channel = new BroadcastChannel("holdfast-soak");
channel.unref();

function report(): void {
  if (dir === undefined) return;
  const file = join(dir, `${process.pid}.${threadId}`);
  // Renamed into place, so that it is never read half written.
  writeFileSync(`${file}.new`, String(keptHeap()));
  renameSync(`${file}.new`, file);
}

if (isMainThread) {
  process.on("SIGUSR2", () => {
    channel.postMessage("report");
    report();
  });
} else channel.onmessage = report;
