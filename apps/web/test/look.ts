/** Takes pictures of every kind of part: `node apps/web/test/look.ts <folder>`. For people who change how they look. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findChromium } from "../../../test/browser/chromium.ts";
import { SUBJECT } from "../../../packages/client/test/scripted-session.ts";
import { everyPart, goesOn, waiting } from "./every-part.ts";
import { ScriptedPage } from "./scripted-page.ts";

const [folder = "pictures"] = process.argv.slice(2);
const executable = await findChromium();
if (executable === undefined) throw new Error("No Chromium was found: install one, or name it by HOLDFAST_CHROMIUM.");
await mkdir(folder, { recursive: true });
const scripted = await ScriptedPage.open(executable);
for (const [name, colorScheme, width] of [
  ["light", "light", 1280],
  ["dark", "dark", 1280],
  ["narrow", "light", 375],
] as const) {
  scripted.edge.reset();
  everyPart(scripted.session);
  waiting(scripted.session);
  const { page, problems } = await scripted.tab({ colorScheme, viewport: { width, height: 2400 } }, SUBJECT);
  await page.getByText("May I book").first().waitFor();
  await page.screenshot({ path: join(folder, `${name}-folded.png`) });
  for (const summary of await page.locator(".part summary").all()) await summary.click();
  await page.locator(".transcript").evaluate((element) => element.scrollTo(0, 0));
  await page.screenshot({ path: join(folder, `${name}.png`) });
  goesOn(scripted.session);
  await page.getByText("as long as one answer may be").waitFor();
  await page.screenshot({ path: join(folder, `${name}-end.png`) });
  if (problems.length > 0) console.error(name, problems);
}
await scripted.close();
