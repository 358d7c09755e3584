import { expect, test } from "vitest";
import { worseThan } from "./check.ts";

const recorded = { turnsPerSecond: 0.8, cpuPerTurn: 1.2, idleDurable: 1.4, idleFirst: 1.5, idleFinal: 2 };

test("a ratio within the margin passes, and so does any that is better", () => {
  expect(worseThan(recorded, recorded, 0)).toEqual([]);
  expect(worseThan(recorded, { ...recorded, turnsPerSecond: 0.7, cpuPerTurn: 1.4 }, 0.2)).toEqual([]);
  expect(worseThan(recorded, { ...recorded, turnsPerSecond: 3, cpuPerTurn: 0.1, idleFinal: 0.2 }, 0)).toEqual([]);
});

test("fewer turns and more of anything else are told, each by name", () => {
  const found = { turnsPerSecond: 0.6, cpuPerTurn: 1.6, idleDurable: 1.4, idleFirst: 1.9, idleFinal: 2.3 };
  expect(worseThan(recorded, found, 0.2).map((sentence) => sentence.split(":")[0])).toEqual([
    "turnsPerSecond",
    "cpuPerTurn",
    "idleFirst",
  ]);
});
