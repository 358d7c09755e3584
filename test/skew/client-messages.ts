import type { Frame, Snapshot } from "@holdfast/contract";
import { z } from "zod";

/** What the process of a client is told first. */
export const startSchema = z.object({
  /** Folder of the release's source tree. */
  tree: z.string(),
  edges: z.array(z.string()).readonly(),
  token: z.string(),
  session: z.string(),
});
export type ClientStart = z.infer<typeof startSchema>;

/** What it is told to do. */
export type ClientOrder = { do: "say"; text: string } | { do: "observe"; name: string };

/** What it tells. Orders are answered by `sent` in their order. */
export type ClientNews =
  | { news: "sent"; producer: string; seq: number }
  | { news: "durable"; seq: number }
  | { news: "frame"; frame: Frame }
  /** At every change of version: what it holds. */
  | { news: "view"; view: Snapshot };
