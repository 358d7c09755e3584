import type { SessionKey } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { rawConnect, RawReader } from "../kit/raw-client.ts";
import { ServerInstruments } from "./instruments.ts";
import { KeptHeaps } from "./kept-heaps.ts";
import { soakFixture } from "./soak.ts";

let heaps: KeptHeaps;
let fixture: Fixture;
beforeAll(async () => {
  heaps = await KeptHeaps.prepare();
  fixture = await startFixture({ env: { all: heaps.env } });
});
afterAll(async () => {
  await fixture.close();
  await heaps.remove();
});

/** Would nothing be seen of a client that is there, nothing left of those that are gone would mean nothing. */
test("open-5, close-1: what an edge holds for a client is seen while it is there, and gone when it has left", async () => {
  const instruments = new ServerInstruments(fixture.stack);
  const noSessions: SessionKey[] = [];
  const { socket } = await rawConnect(fixture.stack.edgeUrls[0] ?? "", await fixture.stack.token({ subject: "ada" }));
  await new RawReader("s").open(socket);
  const held = ["edge-1: connections 1", "edge-1: feeds 1", "edge-1: subscriptions 1"];
  const followed = "valkey: a subscription to hf:{acme/ada/s}:feed";
  expect(await instruments.whatRemains(noSessions, 0)).toEqual([...held, followed]);
  socket.close();
  expect(await instruments.whatRemains(noSessions, 60_000)).toEqual([]);
  await instruments.close();
});

/** A sample of the churn; `npm run soak` is the whole of it, and judges what grows. */
test("clients come and go, and leave nothing behind, nor lose anything", async () => {
  const options = { durationMs: 6_000, everyMs: 2_000, clients: 8, sessions: 2, seed: 1, silences: false };
  const result = await soakFixture(options, fixture, heaps);
  expect(result).toMatchObject({ violations: [], remains: [] });
  expect(result.connections).toBeGreaterThan(0);
  expect(result.turns).toBeGreaterThan(0);
  const measured = new Set(result.judgements.map(({ process, measure }) => `${process}: ${measure}`));
  for (const seen of ["edge-1: kept heap", "orchestrator: kept heap, by turns", "valkey: channels"]) {
    expect(measured).toContain(seen);
  }
});
