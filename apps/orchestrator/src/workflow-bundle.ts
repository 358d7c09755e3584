import { fork } from "node:child_process";
import { join, resolve } from "node:path";
import type { Logger } from "@holdfast/service/log";
import { z } from "zod";
import { AgentCodeError } from "./agent-code.ts";
import { bundleKey } from "./bundle-key.ts";
import { BundleStore } from "./bundle-store.ts";

/** The source tree this process runs from; each has bundles of its own. */
export const ROOT = resolve(import.meta.dirname, "../../..");

/** What was made, and why it could not be kept, if so. */
export interface MadeBundle {
  code: string;
  unkept?: Error;
}

/**
 * The code of this tree's workflows for the SDK's sandbox: the bundle kept of them as they are now, or one that is made
 * and kept. Rejects where they do not bundle, and when `signal` ends the wait.
 */
export async function workflowBundle(log: Logger, signal?: AbortSignal): Promise<string> {
  const stored = await storedBundle(ROOT);
  if (stored !== undefined) return stored;
  log.info("the workflows are bundled; later starts find them so");
  return madeApart(signal);
}

/** The bundle of the source tree at `root` as it is now, if one has been kept. */
export async function storedBundle(root: string): Promise<string | undefined> {
  const key = await bundleKey(root).catch(() => undefined);
  return key === undefined ? undefined : new BundleStore(root).read(key);
}

/** Keeps what `make` makes for the next start, where there is a place to keep it and it is of one state of the sources. */
export async function makeBundle(root: string, make: () => Promise<string>): Promise<MadeBundle> {
  const before = await bundleKey(root).catch((error: unknown) => errorOf(error));
  const code = await make();
  if (before instanceof Error) return { code, unkept: before };
  try {
    if ((await bundleKey(root)) !== before) throw new Error("The sources changed while they were bundled.");
    await new BundleStore(root).write(before, code);
    return { code };
  } catch (error) {
    return { code, unkept: errorOf(error) };
  }
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** What `prepare.ts` sends. */
const preparedSchema = z.union([
  z.object({ agents: z.array(z.string()), code: z.string() }),
  z.object({ problem: z.string() }),
]);
export type Prepared = z.infer<typeof preparedSchema>;

/** Milliseconds the agents' modules and the bundler may take. */
const PREPARE_MS = 120_000;

/**
 * Loads and bundles in a process of its own: the bundler's memory, some hundred MB, would stay with this one for as long as it
 * lives, and so would modules that have changed since.
 */
export function prepareApart(signal?: AbortSignal): Promise<Prepared> {
  const timeout = AbortSignal.timeout(PREPARE_MS);
  const child = fork(join(import.meta.dirname, "prepare.ts"), {
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    killSignal: "SIGKILL",
  });
  return new Promise((taken, failed) => {
    child.once("message", (message) => {
      const prepared = preparedSchema.safeParse(message);
      if (prepared.success) taken(prepared.data);
    });
    child.once("error", (error) => {
      if (!timeout.aborted) return failed(error);
      const problem = `Loading and bundling the agents took longer than ${PREPARE_MS / 1_000} s: does one loop as it is loaded?`;
      taken({ problem });
    });
    child.once("exit", (status) =>
      failed(new Error(`Bundling the workflows ended with ${status}; it says why above.`)),
    );
  });
}

async function madeApart(signal: AbortSignal | undefined): Promise<string> {
  const prepared = await prepareApart(signal);
  if ("problem" in prepared) throw new AgentCodeError(prepared.problem);
  return prepared.code;
}
