import type { ModelServer } from "@holdfast/model-server";
import type { Stack } from "@holdfast/stack/stack";
import { patchedTree, type Tree } from "../../builds/patched-tree.ts";
import type { Cable } from "../cables.ts";
import type { BrokenBuild } from "./build.ts";

export interface BoothParts {
  readonly stack: Stack;
  readonly model: ModelServer;
  /** Its place among the booths of its stack, from 0. */
  readonly index: number;
  /** From its edge, and from its inference worker, to Temporal. */
  readonly edgeToTemporal: Cable;
  readonly inferenceToTemporal: Cable;
}

/**
 * Where one build is tried: an edge and an inference worker of a stack, with a lane that is theirs alone. The orchestrator
 * is everybody's: who tries another one has to be alone.
 */
export class Booth {
  readonly stack: Stack;
  readonly model: ModelServer;
  readonly edgeToTemporal: Cable;
  readonly inferenceToTemporal: Cable;
  readonly edgeUrl: string;
  readonly #children: Record<BrokenBuild["app"], string>;
  /** Root of the tree each child of the stack runs from, if not this repository's. */
  readonly #roots: Map<string, string>;
  #installed: { child: string; tree: Tree } | undefined;

  constructor(parts: BoothParts, roots: Map<string, string>) {
    const { stack, index } = parts;
    this.stack = stack;
    this.model = parts.model;
    this.edgeToTemporal = parts.edgeToTemporal;
    this.inferenceToTemporal = parts.inferenceToTemporal;
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
    const response = await fetch(new URL("/metrics", this.edgeUrl));
    const count = /^holdfast_edge_waiting_events\S* (?<count>\d+)$/m.exec(await response.text())?.groups?.["count"];
    if (count === undefined) throw new Error("The edge does not say how many events wait.");
    return Number(count);
  }

  /** Whatever was done to the cables is undone. */
  calm(): void {
    for (const cable of [this.edgeToTemporal, this.inferenceToTemporal]) cable.cut();
  }

  /** When its stack has ended. */
  async close(): Promise<void> {
    await Promise.all([this.edgeToTemporal.close(), this.inferenceToTemporal.close(), this.#installed?.tree.remove()]);
  }
}
