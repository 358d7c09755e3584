import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { findChromium } from "./chromium.ts";
import { fast } from "./fast.ts";
import { following } from "./following.ts";
import { places } from "./places.ts";
import { ScriptedFixture } from "./scripted-fixture.ts";
import { told } from "./told.ts";
import { words } from "./words.ts";

const executable = await findChromium();

describe.skipIf(executable === undefined)("the page at a scripted edge, in Chromium", () => {
  let fixture: ScriptedFixture;
  beforeAll(async () => {
    fixture = await ScriptedFixture.open(executable ?? "");
  });
  afterEach(() => fixture.endTest());
  afterAll(() => fixture.close());

  describe("following", () => {
    following(() => fixture);
  });
  describe("fast", () => {
    fast(() => fixture);
  });
  describe("told", () => {
    told(() => fixture);
  });
  describe("words", () => {
    words(() => fixture);
  });
  describe("places", () => {
    places(() => fixture);
  });
});
