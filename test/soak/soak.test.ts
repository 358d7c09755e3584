import { afterAll, beforeAll, expect, test } from "vitest";
import { rawConnect, RawReader } from "../kit/raw-client.ts";
import { whatRemains } from "./instruments.ts";
import { soak } from "./soak.ts";
import { type SoakFixture, startSoakFixture } from "./soak-fixture.ts";

let fixture: SoakFixture;
beforeAll(async () => {
  fixture = await startSoakFixture();
});
afterAll(() => fixture.close());

/** Would nothing be seen of a client that is there, nothing left of those that are gone would mean nothing. */
test("open-5, close-1: what an edge holds for a client is seen while it is there, and gone when it has left", async () => {
  const { stack } = fixture;
  const { socket } = await rawConnect(stack.edgeUrls[0] ?? "", await stack.token({ subject: "ada" }));
  await new RawReader("s").open(socket);
  const held = ["edge-1: connections 1", "edge-1: feeds 1", "edge-1: subscriptions 1"];
  const followed = "valkey: a subscription to hf:{acme/ada/s}:feed";
  expect(await whatRemains(stack, [], 0)).toEqual([...held, followed]);
  socket.close();
  expect(await whatRemains(stack, [], 60_000)).toEqual([]);
});

/** A sample of the churn; `npm run soak` is the whole of it, and judges what grows. */
test("clients come and go, and leave nothing behind, nor lose anything", async () => {
  const options = { durationMs: 6_000, everyMs: 2_000, clients: 8, sessions: 2, seed: 1, silences: false };
  const result = await soak(options, fixture);
  expect(result).toMatchObject({ violations: [], remains: [] });
  expect(result.connections).toBeGreaterThan(0);
  expect(result.turns).toBeGreaterThan(0);
  const measured = new Set(result.judgements.map(({ process, measure }) => `${process}: ${measure}`));
  for (const seen of ["edge-1: kept heap", "orchestrator: kept heap, by turns", "valkey: channels"]) {
    expect(measured).toContain(seen);
  }
});
