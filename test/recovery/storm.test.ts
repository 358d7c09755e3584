import { afterAll, beforeAll, expect, test } from "vitest";
import { type Scene, startScene } from "../conformance/stack.ts";
import { type StormPlan, storm, type StormResult } from "./storm.ts";
import { type StormFigures, stormFigures } from "./storm-report.ts";

/** Queries of snapshots one edge may make at once for readers, and as many again for checks. */
const QUERIES = 4;
/** The client's first delay is drawn from this many milliseconds. */
const FIRST_BACKOFF_MS = 500;
const PLAN: StormPlan = {
  clients: 150,
  processes: 1,
  streams: 6,
  streamScript: "tokens=40,slow=50ms",
  connectsPerSecond: 150,
  spread: false,
  oneSubject: false,
  cold: false,
  calls: 30,
};

let scene: Scene;
beforeAll(async () => {
  scene = await startScene({ env: { edge: { HOLDFAST_SNAPSHOT_QUERIES: `${QUERIES}` } } });
});
afterAll(() => scene.stop());

async function strike(plan: StormPlan): Promise<{ result: StormResult; figures: StormFigures }> {
  const result = await storm(scene, plan, () => {});
  const figures = stormFigures(result);
  expect(figures.hangs).toEqual([]);
  expect(figures.wrong).toEqual([]);
  expect(figures).toMatchObject({ struck: plan.clients, back: plan.clients, breaks: 0 });
  // Of the edges that live: nobody's probe may take one out because others came back to it.
  for (const [url, { notReady }] of result.peaks.storm) if (url !== scene.stack.edgeUrls[0]) expect(notReady).toBe(0);
  return { result, figures };
}

test("open-2, connect-6: an edge dies under streams, and all its clients resume from the log, without one Query or snapshot", async () => {
  const { result, figures } = await strike(PLAN);
  expect(figures).toMatchObject({ queries: 0, snapshots: 0 });
  // What each client decided to wait, whatever the machine then made of it.
  const delays = result.visitors.map(({ attempts }) => attempts[0]?.waitedMs ?? -1);
  for (let fifth = 0; fifth < FIRST_BACKOFF_MS; fifth += FIRST_BACKOFF_MS / 5) {
    const share = delays.filter((delay) => delay >= fifth && delay < fifth + FIRST_BACKOFF_MS / 5).length;
    expect(share).toBeGreaterThan(0);
  }
  expect(Math.max(...delays)).toBeLessThan(FIRST_BACKOFF_MS);
});

test("open-3: the same with a Redis that forgot everything: a bounded number of Queries at a time, and all converge", async () => {
  const { figures } = await strike({ ...PLAN, cold: true });
  expect(figures.queries).toBeGreaterThan(0);
  expect(figures.queriesAtOnce).toBeLessThanOrEqual(2 * QUERIES);
});
