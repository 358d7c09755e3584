import { answerTokens, parseScript } from "@holdfast/model-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Scene, startScene } from "../conformance/stack.ts";
import { slowReader, type SlowReaderPlan } from "./slow-reader.ts";
import { brokenPromises } from "./slow-reader-report.ts";

const SCRIPT = "tokens=60,token-length=4000";
const TEXT_LENGTH = answerTokens("", parseScript(SCRIPT)).join("").length;
const PLAN: SlowReaderPlan = {
  edge: 0,
  sleepers: 2,
  companions: 2,
  others: 2,
  script: SCRIPT,
  otherScript: "tokens=40,slow=25ms",
  seconds: 0,
  trim: false,
  untilGivenUp: false,
};

/** The first edge waits for ever for who sleeps; the second gives him up soon. */
let scene: Scene;
beforeAll(async () => {
  scene = await startScene({
    env: {
      "edge-1": { HOLDFAST_PING_INTERVAL_MS: "3600000" },
      "edge-2": { HOLDFAST_PING_INTERVAL_MS: "1000", HOLDFAST_PING_TIMEOUT_MS: "3000" },
    },
  });
});
afterAll(() => scene.stop());

async function broken(plan: SlowReaderPlan): Promise<string[]> {
  return brokenPromises(plan, TEXT_LENGTH, await slowReader(scene, plan, () => {}));
}

test("open-7: who stops reading costs a fixed number of bytes, holds nobody up, and is caught up without a gap", async () => {
  expect(await broken(PLAN)).toEqual([]);
});

test("open-7: where the log was cut meanwhile a snapshot brings up to date who did not read", async () => {
  expect(await broken({ ...PLAN, trim: true })).toEqual([]);
});

test("open-7, open-2: who does not even answer a ping is given up, comes back, and is caught up", async () => {
  expect(await broken({ ...PLAN, edge: 1, untilGivenUp: true })).toEqual([]);
});
