import type { Frame, Snapshot } from "@holdfast/contract";

/** What the process of a client is told first. */
export interface ClientStart {
  /** Folder of the release's source tree. */
  tree: string;
  edges: readonly string[];
  token: string;
  session: string;
}

/** What it is told to do. */
export type ClientOrder = { do: "say"; text: string } | { do: "observe"; name: string };

/** What it tells. Orders are answered by `sent` in their order. */
export type ClientNews =
  | { news: "sent"; producer: string; seq: number }
  | { news: "durable"; seq: number }
  | { news: "frame"; frame: Frame }
  /** At every change of version: what it holds. */
  | { news: "view"; view: Snapshot };
