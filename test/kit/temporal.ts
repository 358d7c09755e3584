import { type SessionKey, sessionPath, type Snapshot, type Turn, workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import { connectTemporal } from "@holdfast/service/temporal";
import { canonical } from "./difference.ts";
import { until } from "./wait.ts";

export type TemporalClient = ReturnType<typeof connectTemporal>;

/** A bound on a hang: a server that is paused answers when it goes on. */
const QUERY_MS = 20_000;
const STATE_MS = 30_000;

/** Of a stack's Temporal. Its connection is the caller's to close. `retries`: see `connectTemporal`. */
export function temporalAt(address: string, retries?: Parameters<typeof connectTemporal>[1]): TemporalClient {
  const settings = {
    HOLDFAST_TEMPORAL_ADDRESS: address,
    HOLDFAST_TEMPORAL_NAMESPACE: "default",
    HOLDFAST_TEMPORAL_TLS: false,
  };
  return connectTemporal(settings, retries);
}

export async function withTemporal<T>(address: string, use: (temporal: TemporalClient) => Promise<T>): Promise<T> {
  const temporal = temporalAt(address, "caller");
  try {
    return await use(temporal);
  } finally {
    await temporal.connection.close();
  }
}

/** What the session's workflow answers now. Rejects when it does not within so many milliseconds; `reasonOf` says why. */
export async function askSession(
  temporal: TemporalClient,
  key: SessionKey,
  withinMs: number = QUERY_MS,
): Promise<SessionState> {
  const handle = temporal.workflow.getHandle(workflowIdOf(key));
  return temporal.withDeadline(Date.now() + withinMs, () => handle.query<SessionState>(QUERY_SNAPSHOT));
}

/** The same, asked again until it answers: a workflow that is busy has room for few Queries. */
export async function stateOf(temporal: TemporalClient, key: SessionKey): Promise<SessionState> {
  let state: SessionState | undefined;
  await until(
    `${sessionPath(key)} answers`,
    async () => (state = await askSession(temporal, key)) !== undefined,
    STATE_MS,
  );
  if (state === undefined) throw new Error(`${sessionPath(key)} has no state.`);
  return state;
}

/** Temporal's client says what it wanted, and the cause why it did not get it. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return String(error) + cause;
}

/** A committed turn as a workflow told of it. */
export interface TurnTold {
  session: string;
  turn: Turn;
}

/** What workflows answer when they are asked for their sessions, and every turn any of their answers told of. */
export class Transcripts {
  /** By the session's path. */
  readonly newest = new Map<string, Snapshot>();
  /** Another account of a turn is another entry. */
  readonly told: TurnTold[] = [];
  readonly #accounts = new Map<string, string>();
  readonly #temporal: TemporalClient;

  constructor(address: string) {
    this.#temporal = temporalAt(address);
  }

  async ask(key: SessionKey): Promise<Snapshot> {
    const { snapshot } = await askSession(this.#temporal, key);
    const session = sessionPath(key);
    this.newest.set(session, snapshot);
    for (const turn of snapshot.turns) {
      const [what, account] = [`${session} ${turn.turn}`, canonical(turn)];
      if (this.#accounts.get(what) === account) continue;
      this.#accounts.set(what, account);
      this.told.push({ session, turn });
    }
    return snapshot;
  }

  /** Whether the session's workflow has continued as new at least once. One that was never begun has not. */
  async hasContinued(key: SessionKey): Promise<boolean> {
    if (!this.newest.has(sessionPath(key))) return false;
    const { runId, raw } = await this.#temporal.workflow.getHandle(workflowIdOf(key)).describe();
    return raw.workflowExecutionInfo?.firstRunId !== runId;
  }

  async close(): Promise<void> {
    await this.#temporal.connection.close();
  }
}
