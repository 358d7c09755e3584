/** Takes pictures of every kind of part: `node apps/web/test/look.ts <folder>`. For people who change how they look. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SUBJECT } from "../../../packages/client/test/scripted-session.ts";
import { findChromium, launchChromium } from "../../../test/browser/chromium.ts";
import { startScripted, Tabs } from "../../../test/browser/page-fixture.ts";
import { everyPart, goesOn, waiting } from "./every-part.ts";

const [folder = "pictures"] = process.argv.slice(2);
const executable = await findChromium();
if (executable === undefined) throw new Error("No Chromium was found: install one, or name it by HOLDFAST_CHROMIUM.");
await mkdir(folder, { recursive: true });
const { edge, url, close } = await startScripted();
const browser = await launchChromium(executable);
const tabs = new Tabs(browser, url);
for (const [name, colorScheme, width] of [
  ["light", "light", 1280],
  ["dark", "dark", 1280],
  ["narrow", "light", 375],
] as const) {
  edge.reset();
  const session = edge.world.session("main");
  everyPart(session);
  waiting(session);
  const { page } = await tabs.signedIn({ subject: SUBJECT, colorScheme, viewport: { width, height: 2400 } });
  await page.getByText("May I book").first().waitFor();
  await page.screenshot({ path: join(folder, `${name}-folded.png`) });
  for (const summary of await page.locator(".part summary").all()) await summary.click();
  await page.locator(".transcript").evaluate((element) => element.scrollTo(0, 0));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  goesOn(session);
  await page.getByText("as long as one answer may be").waitFor();
  await page.screenshot({ path: join(folder, `${name}-end.png`) });
  await tabs.close().catch(console.error);
}
await browser.close();
await close();
