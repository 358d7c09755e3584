/** What the bare workflow is started with. */
export interface BareStart {
  session: string;
  tokens: number;
  tokenDelayMs: number;
  /** Task queue of the activity: the workflow's own (dispatched eagerly) or another. */
  activityQueue: string;
}

/** Told by the activity to the process that forked its worker. */
export interface BareOutput {
  session: string;
  seq: number;
  output: "first" | "last";
}

export const BARE_QUEUE = "bench-bare";
export const BARE_ACTIVITY_QUEUE = "bench-bare-activities";
export const BARE_WORKFLOW = "bare";
export const BARE_SIGNAL_INPUT = "input";
export const BARE_SIGNAL_FACT = "fact";
export const BARE_QUERY = "counts";

export interface BareCounts {
  turns: number;
  facts: number;
}
