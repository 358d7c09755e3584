import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { findChromium } from "./chromium.ts";
import { following } from "./following.ts";
import { ScriptedStage } from "./scripted-stage.ts";

const executable = await findChromium();

describe.skipIf(executable === undefined)("the page at a scripted edge, in Chromium", () => {
  let stage: ScriptedStage;
  beforeAll(async () => {
    stage = await ScriptedStage.open(executable ?? "");
  });
  afterEach(() => stage.endTest());
  afterAll(() => stage.close());

  describe("following", () => {
    following(() => stage);
  });
});
