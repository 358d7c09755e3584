import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { findChromium } from "./chromium.ts";
import { fast } from "./fast.ts";
import { following } from "./following.ts";
import { places } from "./places.ts";
import { ScriptedStage } from "./scripted-stage.ts";
import { told } from "./told.ts";
import { words } from "./words.ts";

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
  describe("fast", () => {
    fast(() => stage);
  });
  describe("told", () => {
    told(() => stage);
  });
  describe("words", () => {
    words(() => stage);
  });
  describe("places", () => {
    places(() => stage);
  });
});
