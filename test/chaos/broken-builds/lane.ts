import type { ModelServer } from "@holdfast/model-server";
import type { Stack } from "@holdfast/stack/stack";
import { freePorts } from "@holdfast/stack/stack-ports";
import { patchedTree, type Tree } from "../../builds/patched-tree.ts";
import { startFixture, withUndo } from "../../kit/fixture.ts";
import { Link } from "../../kit/link.ts";
import { readMetrics, valueOf } from "../../kit/metrics.ts";
import type { BrokenBuild } from "./build.ts";

/** As many builds are tried at a time. */
const LANES = 3;

/**
 * Where one build is tried: an edge and an inference worker of a stack, with a lane that is theirs alone. The orchestrator
 * is everybody's: who tries another one has to be alone.
 */
export class Lane {
  readonly stack: Stack;
  readonly model: ModelServer;
  readonly edgeToTemporal: Link;
  readonly inferenceToTemporal: Link;
  readonly edgeUrl: string;
  readonly #children: Record<BrokenBuild["app"], string>;
  /** Root of the tree each child of the stack runs from, if not this repository's. */
  readonly #roots: Map<string, string>;
  #installed: { child: string; tree: Tree } | undefined;

  constructor(
    { stack, model }: { stack: Stack; model: ModelServer },
    index: number,
    [edgeToTemporal, inferenceToTemporal]: readonly [Link, Link],
    roots: Map<string, string>,
  ) {
    this.stack = stack;
    this.model = model;
    this.edgeToTemporal = edgeToTemporal;
    this.inferenceToTemporal = inferenceToTemporal;
    this.edgeUrl = stack.edgeUrls[index] ?? "";
    this.#children = { edge: `edge-${index + 1}`, inference: `inference-${index + 1}`, orchestrator: "orchestrator" };
    this.#roots = roots;
  }

  /** `build` takes the place of its app, and what was installed before makes room for what is here. */
  async install(build: Pick<BrokenBuild, "app" | "patches">): Promise<void> {
    const [before, child] = [this.#installed, this.#children[build.app]];
    this.#installed = { child, tree: await patchedTree(build.patches) };
    if (before !== undefined) this.#roots.delete(before.child);
    this.#roots.set(child, this.#installed.tree.root);
    const changed = new Set([child, ...(before ? [before.child] : [])]);
    await Promise.all([...changed].map((name) => this.stack.restart(name)));
    await before?.tree.remove();
  }

  /** Ends a process at once and waits for its successor; `between`: while there is none. */
  async replace(app: BrokenBuild["app"], between: () => void): Promise<void> {
    await this.stack.kill(this.#children[app], "SIGKILL");
    between();
    await this.stack.whenReady(this.#children[app]);
  }

  /** Events the edge has taken which are not durable. */
  async waitingEvents(): Promise<number> {
    const count = valueOf(await readMetrics(this.edgeUrl), "holdfast_edge_waiting_events");
    if (count === undefined) throw new Error("The edge does not say how many events wait.");
    return count;
  }

  /** Whatever was done to the links is undone. */
  calm(): void {
    for (const link of [this.edgeToTemporal, this.inferenceToTemporal]) link.cut();
  }

  async remove(): Promise<void> {
    await this.#installed?.tree.remove();
  }
}

/** One stack with several lanes. */
export interface Lanes {
  /** Waits for a lane that is free, and frees it in the end. */
  inLane<T>(use: (lane: Lane) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function openLanes(): Promise<Lanes> {
  return withUndo(async (undo) => {
    const ports = await freePorts({ edges: LANES, inference: LANES });
    const toTemporal = async (): Promise<Link> => {
      const link = await Link.to(`http://127.0.0.1:${ports.temporal}`);
      undo(() => link.close());
      return link;
    };
    const roots = new Map<string, string>();
    const links: [Link, Link][] = [];
    // Nothing is under way when a build makes room for the next.
    const env: Record<string, Record<string, string>> = { all: { HOLDFAST_SHUTDOWN_GRACE_SECONDS: "1" } };
    for (let index = 0; index < LANES; index++) {
      const [edge, inference] = [await toTemporal(), await toTemporal()];
      links.push([edge, inference]);
      const lane = `lane-${index + 1}`;
      const through = (link: Link) => ({ HOLDFAST_TEMPORAL_ADDRESS: new URL(link.url).host });
      env[`edge-${index + 1}`] = { HOLDFAST_LANE: lane, ...through(edge) };
      env[`inference-${index + 1}`] = { HOLDFAST_LANES: lane, ...through(inference) };
    }
    const source = (name: string): string | undefined => roots.get(name);
    const fixture = await startFixture({ ports, edges: LANES, inference: LANES, source, env });
    const free = links.map((pair, index) => new Lane(fixture, index, pair, roots));
    for (const lane of free) undo(() => lane.remove());
    undo(() => fixture.close());
    const waiting: ((lane: Lane) => void)[] = [];
    return {
      inLane: async <T>(use: (lane: Lane) => Promise<T>): Promise<T> => {
        const lane = free.shift() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)));
        try {
          return await use(lane);
        } finally {
          lane.calm();
          const next = waiting.shift();
          if (next) next(lane);
          else free.push(lane);
        }
      },
    };
  });
}
