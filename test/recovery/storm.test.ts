import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { gatherStorm, type Storm, stormFigures, type Strike, strikeEdge } from "./storm.ts";

const CLIENTS = 150;
/** Queries of snapshots one edge may make at once for readers, and as many again for checks. */
const QUERIES = 4;
/** The client's first delay is drawn from this many milliseconds. */
const FIRST_BACKOFF_MS = 500;

let fixture: Fixture;
let storm: Storm;
beforeAll(async () => {
  fixture = await startFixture({ env: { edge: { HOLDFAST_SNAPSHOT_QUERIES: `${QUERIES}` } } });
  const options = { clients: CLIENTS, processes: 1, streams: 6, streamScript: "tokens=40,slow=50ms" };
  storm = await gatherStorm(fixture, options);
}, 300_000);
afterAll(async () => {
  await storm.close();
  await fixture.close();
});

async function strike(what: Strike) {
  const result = await strikeEdge(storm, what);
  const figures = stormFigures(result);
  expect(figures).toMatchObject({ hangs: [], wrong: [], breaks: 0, back: figures.struck });
  expect(figures.struck).toBeGreaterThan(0);
  // Of the edges that live: nobody's probe may take one out because others came back to it.
  const struck = fixture.stack.edgeUrls[what.edge];
  for (const [url, { notReady }] of result.peaks.storm) if (url !== struck) expect(notReady).toBe(0);
  return { result, figures };
}

test("open-2, connect-6: an edge dies under streams, and all its clients resume from the log, without one Query or snapshot", async () => {
  const { result, figures } = await strike({ edge: 0, cold: false, calls: 20 });
  expect(figures).toMatchObject({ struck: CLIENTS, queries: 0, snapshots: 0 });
  // What each client decided to wait, whatever the machine then made of it.
  const delays = result.clients.map(({ attempts }) => attempts[0]?.waitedMs ?? -1);
  for (let fifth = 0; fifth < FIRST_BACKOFF_MS; fifth += FIRST_BACKOFF_MS / 5) {
    const share = delays.filter((delay) => delay >= fifth && delay < fifth + FIRST_BACKOFF_MS / 5).length;
    expect(share).toBeGreaterThan(0);
  }
  expect(Math.max(...delays)).toBeLessThan(FIRST_BACKOFF_MS);
});

test("open-3: the same with a Redis that forgot everything: a bounded number of Queries at a time, and all converge", async () => {
  const { figures } = await strike({ edge: 1, cold: true, calls: 20 });
  expect(figures.queries).toBeGreaterThan(0);
  expect(figures.queriesAtOnce).toBeLessThanOrEqual(2 * QUERIES);
});
