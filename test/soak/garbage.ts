import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

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
