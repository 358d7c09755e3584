import { afterAll, beforeAll, expect, test } from "vitest";
import type { Booth } from "./broken-builds/booth.ts";
import type { BrokenBuild, Story } from "./broken-builds/build.ts";
import { INTAKE } from "./broken-builds/intake.ts";
import { OUTPUT } from "./broken-builds/output.ts";
import { Trial } from "./broken-builds/trial.ts";
import { Workshop } from "./broken-builds/workshop.ts";
import { check } from "./checker.ts";
import type { History } from "./history.ts";
import { readingOf } from "./reading.ts";

/** A checker is worth what it catches: Holdfast is broken on purpose, run for real, and must be found out. */
const BUILDS = [...INTAKE, ...OUTPUT];

type Titled = [title: string, build: BrokenBuild];
function titled(...apps: BrokenBuild["app"][]): Titled[] {
  return apps.flatMap((app) =>
    BUILDS.filter((build) => build.app === app).map((build): Titled => [`an ${app} that ${build.name}`, build]),
  );
}

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

async function historyOf(story: Story, booth: Booth, isBroken: boolean): Promise<History> {
  const trial = await Trial.begin(booth, isBroken);
  try {
    await story(trial);
    return await trial.history();
  } finally {
    await trial.close();
  }
}

/** What the checker says of a build, and how often a reader had to ask again for what was missing. */
async function verdictOn({ app, patches, story, breaks }: BrokenBuild): Promise<{ broken: string[]; mended: number }> {
  return workshop.inBooth(async (booth) => {
    await booth.install({ app, patches });
    const history = await historyOf(story, booth, breaks !== "healed");
    const broken = [...new Set(check(history).map(({ promise }) => promise))];
    const steps = history.readers.flatMap((reader) => [...readingOf(reader)]);
    return { broken, mended: steps.filter(({ outcome }) => outcome === "unchained").length };
  });
}

const STORIES = [...new Set(BUILDS.map(({ story }) => story))].map((story) => [story.name, story] as const);
test.concurrent.for(STORIES)("the build as it is keeps its promises when %s", async ([, story], context) => {
  const history = await workshop.inBooth((booth) => historyOf(story, booth, false));
  context.expect(check(history)).toEqual([]);
});

const [ofWorkers, ofTheOrchestrator] = [titled("edge", "inference"), titled("orchestrator")];
const isHealed = ([, { breaks }]: Titled): boolean => breaks === "healed";

test.concurrent.for(ofWorkers.filter(isHealed))("healed: %s", async ([, build], context) => {
  const { broken, mended } = await verdictOn(build);
  context.expect(broken).toEqual([]);
  context.expect(mended).toBeGreaterThan(0);
});

test.concurrent.for(ofWorkers.filter((each) => !isHealed(each)))("caught: %s", async ([, build], context) => {
  context.expect((await verdictOn(build)).broken).toContain(build.breaks);
});

/** One at a time: all booths share it. */
test.for(ofTheOrchestrator)("caught: %s", async ([, build]) => {
  expect((await verdictOn(build)).broken).toContain(build.breaks);
});
