import { type SessionKey, type Snapshot, workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import { connectTemporal } from "@holdfast/service/temporal";

export type TemporalClient = ReturnType<typeof connectTemporal>;

/** Of a stack's Temporal. Its connection is the caller's to close. `retries`: see `connectTemporal`. */
export function temporalAt(address: string, retries?: Parameters<typeof connectTemporal>[1]): TemporalClient {
  const settings = {
    HOLDFAST_TEMPORAL_ADDRESS: address,
    HOLDFAST_TEMPORAL_NAMESPACE: "default",
    HOLDFAST_TEMPORAL_TLS: false,
  };
  return connectTemporal(settings, retries);
}

/** What the session's workflow answers now. Rejects when it does not within so many milliseconds; `reasonOf` says why. */
export async function askSession(temporal: TemporalClient, key: SessionKey, withinMs: number): Promise<Snapshot> {
  const handle = temporal.workflow.getHandle(workflowIdOf(key));
  const query = (): Promise<SessionState> => handle.query<SessionState>(QUERY_SNAPSHOT);
  return (await temporal.withDeadline(Date.now() + withinMs, query)).snapshot;
}

/** Temporal's client says what it wanted, and the cause why it did not get it. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return String(error) + cause;
}
