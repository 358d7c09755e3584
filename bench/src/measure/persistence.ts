/** Requests Temporal made to its database so far, by operation, in one namespace. */
export type PersistenceCounts = Map<string, number>;

/**
 * Operations that are one write transaction each: of a workflow's state and history, and of a task that found no
 * poller waiting. Reads, and the housekeeping of shards and queues, are counted apart.
 */
const TRANSACTIONS = new Set([
  "CreateWorkflowExecution",
  "UpdateWorkflowExecution",
  "ConflictResolveWorkflowExecution",
  "SetWorkflowExecution",
  "CreateTasks",
]);

const SERIES = /^persistence_requests\{([^}]*)\}\s+([0-9.e+]+)/;
const LABEL = /(\w+)="([^"]*)"/g;

/** Reads the server's `persistence_requests` counter from a page in Prometheus' text format. */
export function parsePersistence(page: string, namespace: string): PersistenceCounts {
  const counts: PersistenceCounts = new Map();
  for (const line of page.split("\n")) {
    const match = SERIES.exec(line);
    if (match === null) continue;
    const labels = new Map([...(match[1] ?? "").matchAll(LABEL)].map(([, name = "", value = ""]) => [name, value]));
    const operation = labels.get("operation");
    if (labels.get("namespace") !== namespace || operation === undefined) continue;
    counts.set(operation, (counts.get(operation) ?? 0) + Number(match[2]));
  }
  return counts;
}

export async function readPersistence(metricsUrl: string, namespace: string): Promise<PersistenceCounts> {
  const response = await fetch(metricsUrl);
  if (!response.ok) throw new Error(`Temporal's metrics at ${metricsUrl} answered ${response.status}.`);
  return parsePersistence(await response.text(), namespace);
}

export interface PersistenceFigures {
  transactions: number;
  transactionsPerTurn: number | null;
  /** Every operation, reads too, per turn where there were turns, else in all. */
  byOperation: Record<string, number>;
}

/** `made`: requests in a window, by operation. */
export function persistenceFigures(made: Record<string, number>, turns: number): PersistenceFigures {
  let transactions = 0;
  const byOperation: Record<string, number> = {};
  for (const [operation, count] of Object.entries(made)) {
    if (TRANSACTIONS.has(operation)) transactions += count;
    byOperation[operation] = turns === 0 ? count : count / turns;
  }
  return { transactions, transactionsPerTurn: turns === 0 ? null : transactions / turns, byOperation };
}
