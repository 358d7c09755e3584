import { snapshotSchema, workflowIdOf, type Snapshot } from "@holdfast/contract";
import { QUERY_SNAPSHOT } from "@holdfast/internal";
import type { TokenClaims } from "@holdfast/stack/stack";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { z } from "zod";
import type { Truth } from "../load/wire-target.ts";

const TENANT = "bench";

export function claimsOf(subject: string): TokenClaims {
  return { subject, tenant: TENANT, expiresInSeconds: 24 * 3_600 };
}

export function sessionWorkflowId(subject: string, session: string): string {
  return workflowIdOf({ tenant: TENANT, owner: subject, name: session });
}

/** The concierge's tally of observes by name; other agents keep none. */
const observedSchema = z.object({ observed: z.array(z.object({ name: z.string(), count: z.number() })) });

const truthSchema = z.object({ snapshot: snapshotSchema });

/** Asks the session's workflow itself. A session that was never sent anything has none: nothing is what it holds. */
export async function readTruth(client: Client, subject: string, session: string): Promise<Truth> {
  const handle = client.workflow.getHandle(sessionWorkflowId(subject, session));
  try {
    const answer: unknown = await handle.query(QUERY_SNAPSHOT);
    const { snapshot } = truthSchema.parse(answer);
    return { turns: snapshot.turns.at(-1)?.turn ?? 0, observes: observesIn(snapshot) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { turns: 0, observes: 0 };
    throw error;
  }
}

function observesIn({ state }: Snapshot): number | undefined {
  const parsed = observedSchema.safeParse(state);
  return parsed.success ? parsed.data.observed.reduce((sum, { count }) => sum + count, 0) : undefined;
}
