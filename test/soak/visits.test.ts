import { expect, test } from "vitest";
import { randomFrom } from "../kit/statistics.ts";
import { planVisit, type VisitPlan } from "./visits.ts";

function visits(seed: number, silences: boolean): VisitPlan[] {
  const random = randomFrom(seed);
  return Array.from({ length: 500 }, () => planVisit(random, silences));
}

test("the same seed plans the same visits, another seed other ones", () => {
  expect(visits(7, true)).toEqual(visits(7, true));
  expect(visits(7, true)).not.toEqual(visits(8, true));
});

test("every way to come, to talk and to go is planned", () => {
  const planned = visits(1, true);
  const kinds = new Set(planned.map(({ kind }) => kind));
  const acts = new Set(planned.flatMap((visit) => visit.acts.map((act) => act.do)));
  const departures = new Set(planned.map(({ departure }) => departure));
  expect([...kinds].toSorted()).toEqual(["raw", "sdk"]);
  expect([...acts].toSorted()).toEqual(["forget", "interrupt", "lose", "observe", "say"]);
  expect([...departures].toSorted()).toEqual(["abrupt", "polite", "silent"]);
});

/** The client's own library would come back by itself. */
test("only clients without a library fall silent, and only where they may", () => {
  const silent = visits(1, true).filter(({ departure }) => departure === "silent");
  expect(new Set(silent.map(({ kind }) => kind))).toEqual(new Set(["raw"]));
  expect(visits(1, false).filter(({ departure }) => departure === "silent")).toEqual([]);
});
