import { afterAll, beforeAll, expect, test } from "vitest";
import { check } from "../kit/checker.ts";
import type { History } from "../kit/history.ts";
import { readingOf } from "../kit/reading.ts";
import type { BrokenBuild, Story } from "./broken-builds/build.ts";
import { INTAKE } from "./broken-builds/intake.ts";
import { type Lane, type Lanes, openLanes } from "./broken-builds/lane.ts";
import { OUTPUT } from "./broken-builds/output.ts";
import { Trial } from "./broken-builds/trial.ts";

/** A checker is worth what it catches: Holdfast is broken on purpose, run for real, and must be found out. */
const BUILDS = [...INTAKE, ...OUTPUT];

type Titled = [title: string, build: BrokenBuild];
function titled(...apps: BrokenBuild["app"][]): Titled[] {
  return apps.flatMap((app) =>
    BUILDS.filter((build) => build.app === app).map((build): Titled => [`an ${app} that ${build.name}`, build]),
  );
}

let lanes: Lanes;
beforeAll(async () => {
  lanes = await openLanes();
});
afterAll(() => lanes.close());

async function historyOf(story: Story, lane: Lane, isBroken: boolean): Promise<History> {
  const trial = await Trial.begin(lane, isBroken);
  try {
    await story(trial);
    return await trial.history();
  } finally {
    await trial.close();
  }
}

/** What the checker says of a build, and how often a reader had to ask again for what was missing. */
async function verdictOn({ app, patches, story, breaks }: BrokenBuild): Promise<{ broken: string[]; mended: number }> {
  return lanes.inLane(async (lane) => {
    await lane.install({ app, patches });
    const history = await historyOf(story, lane, breaks !== "healed");
    const broken = [...new Set(check(history).map(({ promise }) => promise))];
    const steps = history.readers.flatMap((reader) => [...readingOf(reader)]);
    return { broken, mended: steps.filter(({ outcome }) => outcome === "unchained").length };
  });
}

const STORIES = [...new Set(BUILDS.map(({ story }) => story))].map((story) => [story.name, story] as const);
test.concurrent.for(STORIES)("the build as it is keeps its promises when %s", async ([, story], context) => {
  const history = await lanes.inLane((lane) => historyOf(story, lane, false));
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

/** One at a time: all lanes share it. */
test.for(ofTheOrchestrator)("caught: %s", async ([, build]) => {
  expect((await verdictOn(build)).broken).toContain(build.breaks);
});
