import type { Patch } from "../../builds/patched-tree.ts";
import type { BrokenPromise } from "../../kit/history.ts";
import type { Trial } from "./trial.ts";

/** What happens to a session while a build is tried: who says what, and what befalls it. */
export type Story = (trial: Trial) => Promise<void>;

/** Holdfast as somebody might have broken it. */
export interface BrokenBuild {
  /** What it does, as the end of a sentence. */
  name: string;
  /** The app that is built so; the others are as they are here. */
  app: "edge" | "inference" | "orchestrator";
  patches: readonly Patch[];
  story: Story;
  /** What the checker must call it; `healed`: other parts make up for it, and readers notice nothing. */
  breaks: BrokenPromise | "healed";
}

export const edit = (file: string, find: string, replace: string): Patch => ({ file, find, replace });
