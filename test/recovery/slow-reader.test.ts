import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { brokenPromises, slowReader, type SlowReaderOptions } from "./slow-reader.ts";

const SLOW: SlowReaderOptions = {
  edge: 0,
  readers: 2,
  companions: 2,
  others: 2,
  script: "tokens=60,token-length=4000",
  seconds: 0,
};

/** The first edge waits for ever for who sleeps; the second gives him up soon. */
let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture({
    env: {
      "edge-1": { HOLDFAST_PING_INTERVAL_MS: "3600000" },
      "edge-2": { HOLDFAST_PING_INTERVAL_MS: "1000", HOLDFAST_PING_TIMEOUT_MS: "3000" },
    },
  });
});
afterAll(() => fixture.close());

async function broken(options: SlowReaderOptions): Promise<string[]> {
  return brokenPromises(options, await slowReader(fixture, options));
}

test("open-7: who stops reading costs a fixed number of bytes, holds nobody up, and is caught up without a gap", async () => {
  expect(await broken(SLOW)).toEqual([]);
});

test("open-7: where the log was cut meanwhile a snapshot brings up to date who did not read", async () => {
  expect(await broken({ ...SLOW, trim: true })).toEqual([]);
});

test("open-7, open-2: who does not even answer a ping is given up, comes back, and is caught up", async () => {
  expect(await broken({ ...SLOW, edge: 1, untilGivenUp: true })).toEqual([]);
});
