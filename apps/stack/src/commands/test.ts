import { findTemporal, findValkey } from "../provision.ts";
import { runTool } from "./script.ts";

/** `npm test`: provisions the pinned servers, so that every machine tests the same ones, and runs vitest. */
export async function test(args: readonly string[]): Promise<number> {
  const options = { pinned: true, onProgress: (line: string) => console.log(`· ${line}`) };
  await Promise.all([findTemporal(options), findValkey(options)]);
  return runTool("vitest", ["run", ...args]);
}
