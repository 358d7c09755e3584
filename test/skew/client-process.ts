/**
 * One client of the release in some source tree, in a process of its own: loads that tree's `@holdfast/client` with that
 * tree's dependencies, takes orders from its parent, and tells it everything.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Frame, JsonObject, Snapshot } from "@holdfast/contract";
import { z } from "zod";
import { begun, planOf } from "../kit/child-process.ts";

/** What the process is told first. `tree`: folder of the release's source tree. */
const startSchema = z.object({
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

const { tree, edges, token, session: name } = planOf(startSchema);
const entry = pathToFileURL(join(tree, "packages/client/src/index.ts")).href;
const { connect }: typeof import("@holdfast/client") = await import(entry);

const session = connect({ url: edges, token: () => token, client: "skew/1" }).session(name, { agent: "concierge" });
const tell = (news: ClientNews): void => void process.send?.(news);

let told = -1;
session.on("frame", (frame) => tell({ news: "frame", frame }));
session.subscribe(() => {
  const { version, agent = "", turns, running, ...view } = session.get();
  if (version === told) return;
  told = version;
  const state: JsonObject = JSON.parse(JSON.stringify(view.state));
  tell({ news: "view", view: { version, agent, state, turns: [...turns], running, applied: {} } });
});

process.on("message", (order: ClientOrder) => {
  const { producer, seq, durable } = order.do === "say" ? session.send(order.text) : session.observe(order.name);
  tell({ news: "sent", producer, seq });
  durable.then(
    () => tell({ news: "durable", seq }),
    () => undefined,
  );
});
begun();
