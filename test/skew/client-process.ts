/**
 * One client of the release in some source tree, in a process of its own: loads that tree's `@holdfast/client` with that
 * tree's dependencies, takes orders from its parent, and tells it everything.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { JsonObject } from "@holdfast/contract";
import { begun, planOf } from "../kit/child-process.ts";
import { type ClientNews, type ClientOrder, startSchema } from "./client-messages.ts";

const start = planOf(startSchema);
const entry = pathToFileURL(join(start.tree, "packages/client/src/index.ts")).href;
const { connect }: typeof import("@holdfast/client") = await import(entry);

const client = connect({ url: start.edges, token: () => start.token, client: "skew/1" });
const session = client.session(start.session, { agent: "concierge" });
const tell = (news: ClientNews): void => void process.send?.(news);

let version = -1;
session.on("frame", (frame) => tell({ news: "frame", frame }));
session.subscribe(() => {
  const view = session.get();
  if (view.version === version) return;
  version = view.version;
  const { agent = "", turns, running } = view;
  const state: JsonObject = JSON.parse(JSON.stringify(view.state));
  tell({ news: "view", view: { version, agent, state, turns: [...turns], running: running, applied: {} } });
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
