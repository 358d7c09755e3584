import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { appliedObserves, differ } from "../chaos/checker.ts";
import { askSession, reasonOf } from "../conformance/temporal.ts";
import type { Ledger } from "./ledger.ts";
import type { Scribe } from "./scribe.ts";
import type { ServerInstruments } from "./server-instruments.ts";

/** Bounds on a hang, not measures of speed. */
const REST_MS = 120_000;
const QUERY_MS = 30_000;

/**
 * Waits until everything acknowledged is in a turn and what is read is what the workflows answer. Returns what did not come to
 * rest.
 */
export async function rest(
  keys: readonly SessionKey[],
  ledger: Ledger,
  scribe: Scribe,
  instruments: ServerInstruments,
): Promise<string[]> {
  let open: string[] = [];
  for (const until = performance.now() + REST_MS; performance.now() < until; await sleep(250)) {
    open = ledger.owed.map((input) => `lost: ${input} is durable and in no turn`);
    const observes = new Map<string, number>();
    for (const key of keys) {
      const path = sessionPath(key);
      const truth = await ask(instruments, key);
      const difference = typeof truth === "string" ? truth : unrest(scribe.view(path), truth);
      if (difference !== undefined) open.push(`diverged: ${path}: ${difference}`);
      else if (typeof truth !== "string") observes.set(path, appliedObserves(truth));
    }
    if (open.length > 0) continue;
    for (const [path, applied] of observes) ledger.checkObserves(path, applied);
    return [];
  }
  return open;
}

/**
 * Another process takes up every session: it has to go the way of their histories once more, and to come to where readers
 * are. A session that cannot be replayed stands still for ever once it is in no worker's memory any more.
 */
export async function takeOver(
  stack: Stack,
  keys: readonly SessionKey[],
  scribe: Scribe,
  instruments: ServerInstruments,
): Promise<string[]> {
  await stack.restart("orchestrator");
  let standing: string[] = [];
  for (const until = performance.now() + REST_MS; performance.now() < until; await sleep(250)) {
    standing = [];
    // One after the other: replaying all at once they would keep one another from being done in time.
    for (const key of keys) {
      const truth = await ask(instruments, key);
      const difference = typeof truth === "string" ? truth : differ(scribe.view(sessionPath(key)), truth);
      if (difference !== undefined) standing.push(`not taken over: ${sessionPath(key)}: ${difference}`);
    }
    if (standing.length === 0) break;
  }
  return standing;
}

function unrest(view: Snapshot, truth: Snapshot): string | undefined {
  return truth.running === null ? differ(view, truth) : `turn ${truth.running.turn} is running`;
}

/** The session's truth, or why its workflow did not tell. */
async function ask({ temporal }: ServerInstruments, key: SessionKey): Promise<Snapshot | string> {
  try {
    return await askSession(temporal, key, QUERY_MS);
  } catch (error) {
    return `its workflow does not answer: ${reasonOf(error)}`;
  }
}
