import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelServer } from "@holdfast/model-server";
import type { Stack, StackOptions } from "@holdfast/stack/stack";
import { patchedTree, type Tree } from "../builds/patched-tree.ts";
import { startScene } from "../conformance/stack.ts";
import { SMALL_BOUNDS, WRONG_CLOCK_ENV, WRONG_CLOCKS } from "./builds.ts";
import { type Failover, startClusterFailover, startPairSwitch, startSentinelFailover } from "./failover.ts";
import type { ArenaKind } from "./faults.ts";
import { lastWords } from "./last-words.ts";

/** How the model answers while nothing befalls it: slowly enough to be struck in mid-sentence, and never twice the same. */
export const CALM = "distinct,tokens=30,slow=12ms";

/** A process of the stack has ended, and another one takes its place. */
export interface ProcessExit {
  name: string;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** As `performance.now()` has it. */
  at: number;
  /** What its log says of it, where it ended by an error. */
  said?: string;
}

/**
 * Pings often enough that an edge and its clients can find out within a strike that nobody is there. With the pings a stack
 * ships with, a link that is dead for seconds is noticed by nobody.
 */
const SHORT_PINGS = { HOLDFAST_PING_INTERVAL_MS: "1000", HOLDFAST_PING_TIMEOUT_MS: "2000" };

/** A whole Holdfast for several runs, one after the other, each with sessions of its own. */
export interface Arena {
  readonly stack: Stack;
  readonly model: ModelServer;
  /** The Redis that fails over, where one does. */
  readonly failover: Failover | undefined;
  /** Every process that has ended since the arena was opened, whoever ended it. */
  exits(): readonly ProcessExit[];
  close(): Promise<void>;
}

/** `source`: the tree an app runs from, for builds that are broken on purpose. */
export async function openArena(kind: ArenaKind, { source }: Pick<StackOptions, "source"> = {}): Promise<Arena> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const dir = await mkdtemp(join(tmpdir(), "holdfast-chaos-"));
    undo.push(() => rm(dir, { recursive: true, force: true }));
    const tree = await treeOf(kind);
    if (tree !== undefined) undo.push(() => tree.remove());
    const failover = await failoverOf(kind);
    if (failover !== undefined) undo.push(() => failover.stop());
    const exits: ProcessExit[] = [];
    const scene = await startScene({
      dir,
      persist: true,
      edges: 2,
      inference: 2,
      source: (name) => source?.(name) ?? tree?.root,
      redisUrl: failover?.url,
      env: { edge: SHORT_PINGS, ...(kind === "wrong-clocks" && WRONG_CLOCK_ENV) },
      onEvent: (event) => {
        if (event.type !== "ended") return;
        const { name, exit } = event;
        const said =
          exit.code === 0 || exit.signal !== null ? {} : { said: lastWords(join(dir, "logs", `${name}.log`)) };
        exits.push({ name, ...exit, at: performance.now(), ...said });
      },
    });
    undo.push(() => scene.stop());
    scene.model.setDefault(CALM);
    return { stack: scene.stack, model: scene.model, failover, exits: () => exits, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function treeOf(kind: ArenaKind): Promise<Tree | undefined> {
  if (kind === "small-bounds") return patchedTree(SMALL_BOUNDS);
  if (kind === "wrong-clocks") return patchedTree(WRONG_CLOCKS);
  return undefined;
}

async function failoverOf(kind: ArenaKind): Promise<Failover | undefined> {
  if (kind === "switched") return startPairSwitch();
  if (kind === "sentinel") return startSentinelFailover();
  if (kind === "cluster") return startClusterFailover();
  return undefined;
}
