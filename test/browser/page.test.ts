import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { breakage } from "./breakage.ts";
import { findChromium } from "./chromium.ts";
import { conversation } from "./conversation.ts";
import { Stage } from "./stage.ts";
import { use } from "./use.ts";

const executable = await findChromium();
if (executable === undefined) {
  console.warn("No Chromium was found, so the page is not tested: install one, or name it by HOLDFAST_CHROMIUM.");
}

describe.skipIf(executable === undefined)("the page, in Chromium (HOLDFAST_CHROMIUM, or one on PATH)", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open(executable ?? "");
  });
  afterEach(() => stage.endTest());
  afterAll(() => stage.close());

  describe("conversation", () => {
    conversation(() => stage);
  });
  describe("use", () => {
    use(() => stage);
  });
  describe("breakage", () => {
    breakage(() => stage);
  });
});
