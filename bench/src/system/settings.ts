/** What is measured, and against what. */
export interface SystemSettings {
  targets: TargetName[];
  edges: number;
  agent: string;
  /** `server`: a model server of the bench's own that speaks `tokens` tokens. `embedded`: the worker's own model. */
  model: "server" | "embedded";
  tokens: number;
  tokenDelayMs: number;
  /** Events in one `send` at most. */
  perSend: number;
  sessionsPerConnection: number;
  bareShape: "same-queue" | "own-queue";
  /** Temporal's and Valkey's data in memory, instead of in files as `npm start` keeps them. */
  memory: boolean;
}

export const TARGETS = ["holdfast", "floor", "bareTemporal"] as const;
export type TargetName = (typeof TARGETS)[number];
