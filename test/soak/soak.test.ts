import type { SessionKey } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rawConnect, RawReader } from "../conformance/raw-client.ts";
import { type Scene, startScene } from "../conformance/stack.ts";
import { whatRemains } from "./emptiness.ts";
import { KeptHeaps } from "./kept-heaps.ts";
import { ServerInstruments } from "./server-instruments.ts";
import { soakScene } from "./soak.ts";

let heaps: KeptHeaps;
let scene: Scene;
beforeAll(async () => {
  heaps = await KeptHeaps.prepare();
  scene = await startScene({ env: { all: heaps.env } });
});
afterAll(async () => {
  await scene.stop();
  await heaps.remove();
});

/** Would nothing be seen of a client that is there, nothing left of those that are gone would mean nothing. */
test("open-5, close-1: what an edge holds for a client is seen while it is there, and gone when it has left", async () => {
  const instruments = new ServerInstruments(scene.stack);
  const noSessions: SessionKey[] = [];
  const { socket } = await rawConnect(scene.stack.edgeUrls[0] ?? "", await scene.stack.token({ subject: "ada" }));
  await new RawReader("s").open(socket);
  const held = ["edge-1: connections 1", "edge-1: feeds 1", "edge-1: subscriptions 1"];
  const followed = "valkey: a subscription to hf:{acme/ada/s}:feed";
  expect(await whatRemains(scene.stack, instruments, noSessions, 0)).toEqual([...held, followed]);
  socket.close();
  expect(await whatRemains(scene.stack, instruments, noSessions, 60_000)).toEqual([]);
  await instruments.close();
});

/** A sample of the churn; `npm run soak` is the whole of it, and judges what grows. */
test("clients come and go, and leave nothing behind, nor lose anything", async () => {
  const plan = { durationMs: 6_000, everyMs: 2_000, clients: 8, sessions: 2, seed: 1, silences: false };
  const result = await soakScene(plan, scene, heaps);
  expect(result).toMatchObject({ violations: [], remains: [] });
  expect(result.connections).toBeGreaterThan(0);
  expect(result.turns).toBeGreaterThan(0);
  const measured = new Set(result.judgements.map(({ process, measure }) => `${process}: ${measure}`));
  for (const seen of ["edge-1: kept heap", "orchestrator: kept heap, by turns", "valkey: channels"]) {
    expect(measured).toContain(seen);
  }
});
