import { expect, test } from "vitest";
import { joinWindows, windowFigures, type WindowCounts } from "./window.ts";

const window: WindowCounts = {
  seconds: 4,
  offered: 820,
  durable: 800,
  turns: 80,
  machineCpuSeconds: 6,
  cpuSeconds: { edge: 1, temporal: 3 },
  rssBytes: { edge: 2 ** 20, temporal: 2 ** 21 },
  persistence: { UpdateWorkflowExecution: 480, GetTasks: 5 },
};
const processes = [
  { name: "edge", pid: 1, oneThread: true },
  { name: "temporal", pid: 2, oneThread: false },
];

test("figures are per second and per turn of what a window counted", () => {
  expect(windowFigures(window, processes)).toMatchObject({
    durablePerSecond: 200,
    turnsPerSecond: 20,
    cpuMillisecondsPerTurn: 50,
    processes: { edge: { cores: 0.25, cpuMillisecondsPerTurn: 12.5, rssMegabytes: 1 } },
    saturation: { usedCores: 1, busyCores: 1.5, largest: "temporal" },
    temporal: { transactions: 480, transactionsPerTurn: 6 },
  });
});

test("two windows joined weigh each by its length, not each rate alike", () => {
  const slow: WindowCounts = { ...window, seconds: 12, durable: 0, turns: 0, rssBytes: { edge: 2 ** 22 } };
  const joined = windowFigures(joinWindows([window, slow]), processes);
  expect(joined.durablePerSecond).toBe(50);
  expect(joined.processes["edge"]).toMatchObject({ cpuSeconds: 2, rssMegabytes: 4 });
});

test("a load without turns has no figures per turn", () => {
  const figures = windowFigures({ ...window, turns: 0 }, processes);
  expect(figures.cpuMillisecondsPerTurn).toBeNull();
  expect(figures.temporal.transactionsPerTurn).toBeNull();
});
