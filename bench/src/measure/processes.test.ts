import { expect, test } from "vitest";
import { forgetProcesses, readMachine, readProcesses, saturation } from "./processes.ts";

test.for<[shares: Record<string, number>, busyCores: number, limit: string, largest: string]>([
  [{ temporal: 1.1, edge: 0.8 }, 1.95, "machine", "temporal"],
  [{ temporal: 0.3, edge: 0.97 }, 1.3, "edge", "edge"],
  [{ temporal: 1.2, edge: 0.2 }, 1.4, "nothing", "temporal"],
  [{ temporal: 0.2, edge: 0.1 }, 1.9, "machine", "temporal"],
])("what saturates first: %j with %d cores busy", ([shares, busyCores, limit, largest]) => {
  const figures = Object.fromEntries(
    Object.entries(shares).map(([name, cores]) => [
      name,
      { cores, cpuSeconds: cores, cpuMillisecondsPerTurn: null, rssMegabytes: 0 },
    ]),
  );
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
  expect([...found.keys()]).toEqual(["self"]);
  expect(found.get("self")?.rssBytes).toBeGreaterThan(2 ** 20);
});

test("the machine's CPU time is at least this process's own", () => {
  expect(readMachine()).toBeGreaterThan(process.cpuUsage().user / 1_000_000);
});
