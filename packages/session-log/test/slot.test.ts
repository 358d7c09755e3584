import { expect, test } from "vitest";
import { keysOf } from "../src/keys.ts";
import { backendOf, startMasters } from "./backends.ts";

const backend = backendOf(startMasters);

test("a session's keys and its channel share one slot of a Cluster, whatever characters its names have", async () => {
  const key = { tenant: "a-c.m~e", owner: "ada@x:y+z=|", name: "n".repeat(128) };
  const [node] = backend.nodes;
  if (node === undefined) throw new Error("the cluster has no nodes");
  const slots = await Promise.all(keysOf(key).map((name) => node.cluster("KEYSLOT", name)));
  expect(slots).toHaveLength(9);
  expect([...new Set(slots)]).toEqual([expect.any(Number)]);
});
