import { expect, test } from "vitest";
import { parsePersistence, persistenceFigures } from "./persistence.ts";

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
  expect(Object.fromEntries(parsePersistence(page(7, 3), "default"))).toEqual({
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
