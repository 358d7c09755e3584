import { afterAll, afterEach, beforeAll, describe } from "vitest";
import { breakage } from "./breakage.ts";
import { findChromium } from "./chromium.ts";
import { conversation } from "./conversation.ts";
import { PageFixture } from "./page-fixture.ts";
import { use } from "./use.ts";

const executable = await findChromium();
if (executable === undefined) {
  console.warn("No Chromium was found, so the page is not tested: install one, or name it by HOLDFAST_CHROMIUM.");
}

describe.skipIf(executable === undefined)("the page, in Chromium (HOLDFAST_CHROMIUM, or one on PATH)", () => {
  let fixture: PageFixture;
  beforeAll(async () => {
    fixture = await PageFixture.open(executable ?? "");
  });
  afterEach(() => fixture.endTest());
  afterAll(() => fixture.close());

  describe("conversation", () => {
    conversation(() => fixture);
  });
  describe("use", () => {
    use(() => fixture);
  });
  describe("breakage", () => {
    breakage(() => fixture);
  });
});
