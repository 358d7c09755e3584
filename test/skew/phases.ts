/** Which of the two releases. */
export type Release = "old" | "new";

/** One app is ended and comes back as another release. */
export interface Swap {
  app: string;
  /** `drain`: SIGTERM, it finishes what it began. `kill`: SIGKILL. */
  how: "drain" | "kill";
  to: Release;
}

export interface Phase {
  name: string;
  /** One after the other, each while answers are being streamed. */
  swaps: readonly Swap[];
}

const drain = (app: string, to: Release): Swap => ({ app, how: "drain", to });
const kill = (app: string, to: Release): Swap => ({ app, how: "kill", to });

/**
 * A deployment and its rollback, with clients of both releases from beginning to end; everything begins as the old one.
 * Sessions that began in the first phase are the ones that talk in the last.
 */
export const PHASES: readonly Phase[] = [
  { name: "everything old", swaps: [] },
  { name: "one edge new", swaps: [drain("edge-2", "new")] },
  { name: "orchestrator killed, back as new", swaps: [kill("orchestrator", "new")] },
  { name: "the rest drained, back as new", swaps: [drain("inference", "new"), drain("edge-1", "new")] },
  { name: "everything new", swaps: [] },
  { name: "one edge old again", swaps: [drain("edge-1", "old")] },
  { name: "workers killed, back as old", swaps: [kill("inference", "old"), kill("orchestrator", "old")] },
  { name: "everything old again", swaps: [kill("edge-2", "old")] },
  {
    name: "rolling restart, new, without a rest",
    swaps: ["edge-1", "orchestrator", "edge-2", "inference"].map((app) => drain(app, "new")),
  },
];
