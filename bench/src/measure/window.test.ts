import { parseSamples } from "@holdfast/test/kit/metrics";
import { expect, test } from "vitest";
import {
  forgetProcesses,
  joinWindows,
  persistenceIn,
  persistenceFigures,
  readMachine,
  readProcesses,
  saturation,
  type WindowCounts,
  windowFigures,
} from "./window.ts";

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

const page = (updates: number, creates: number): string =>
  [
    "# TYPE persistence_requests counter",
    `persistence_requests{namespace="default",operation="UpdateWorkflowExecution",service_name="history"} ${updates}`,
    `persistence_requests{namespace="default",operation="GetTasks",service_name="matching"} 2`,
    `persistence_requests{namespace="default",operation="CreateTasks",service_name="matching"} ${creates}`,
    `persistence_requests{namespace="temporal_system",operation="UpdateWorkflowExecution",service_name="history"} 1e+06`,
    `persistence_latency_count{namespace="default",operation="UpdateWorkflowExecution"} 99`,
  ].join("\n");

test("only the namespace's own requests are counted", () => {
  expect(persistenceIn(parseSamples(page(7, 3)), "default")).toEqual({
    UpdateWorkflowExecution: 7,
    GetTasks: 2,
    CreateTasks: 3,
  });
});

test("transactions are the writes; reads are listed but not counted", () => {
  const made = { UpdateWorkflowExecution: 700, CreateTasks: 10, GetTasks: 5 };
  expect(persistenceFigures(made, 100)).toEqual({
    transactions: 710,
    transactionsPerTurn: 7.1,
    byOperation: { UpdateWorkflowExecution: 7, CreateTasks: 0.1, GetTasks: 0.05 },
  });
});

test.for<[shares: Record<string, number>, busyCores: number, limit: string, largest: string]>([
  [{ temporal: 1.1, edge: 0.8 }, 1.95, "machine", "temporal"],
  [{ temporal: 0.3, edge: 0.97 }, 1.3, "edge", "edge"],
  [{ temporal: 1.2, edge: 0.2 }, 1.4, "nothing", "temporal"],
  [{ temporal: 0.2, edge: 0.1 }, 1.9, "machine", "temporal"],
])("what saturates first: %j with %d cores busy", ([shares, busyCores, limit, largest]) => {
  const figures = Object.fromEntries(Object.entries(shares).map(([name, cores]) => [name, { cores }]));
  const processes = [
    { name: "temporal", pid: 1, oneThread: false },
    { name: "edge", pid: 2, oneThread: true },
  ];
  expect(saturation(figures, processes, { cores: 2, busyCores })).toMatchObject({ limit, largest });
});

test("a living process is read, one that is gone is left out", async () => {
  const found = await readProcesses([
    { name: "self", pid: process.pid, oneThread: true },
    { name: "gone", pid: 2 ** 22 - 1, oneThread: true },
  ]);
  forgetProcesses();
  expect([Object.keys(found.cpuSeconds), Object.keys(found.rssBytes)]).toEqual([["self"], ["self"]]);
  expect(found.rssBytes["self"]).toBeGreaterThan(2 ** 20);
});

test("the machine's CPU time is at least this process's own", () => {
  expect(readMachine()).toBeGreaterThan(process.cpuUsage().user / 1_000_000);
});
