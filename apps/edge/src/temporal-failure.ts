import { isGrpcServiceError, WorkflowNotFoundError } from "@temporalio/client";
import { status } from "@grpc/grpc-js";

/**
 * What a failed call to Temporal means for who made it. `transient`: the call may or may not have had its effect,
 * and may be made again. `overloaded`: it had none; again, but later. `not_found`: no such workflow.
 */
export type TemporalFailure = "transient" | "overloaded" | "not_found" | "too_large" | "permanent";

const TRANSIENT = new Set<status>([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.UNKNOWN,
  status.CANCELLED,
  status.DATA_LOSS,
  status.FAILED_PRECONDITION,
]);

export function classifyTemporalFailure(error: unknown): TemporalFailure {
  if (error instanceof WorkflowNotFoundError) return "not_found";
  const cause = grpcCause(error);
  // Not an answer of the service at all: the connection, name resolution, a socket.
  if (cause === undefined) return error instanceof TypeError ? "permanent" : "transient";
  if (cause.code === status.RESOURCE_EXHAUSTED) return "overloaded";
  // A run takes 10,000 signals; its worker, once it is back, continues it as new and there is room again.
  if (cause.code === status.INVALID_ARGUMENT && /exceeded .*limit for signal/i.test(cause.details)) return "overloaded";
  if (/size limit|too large|larger than max/i.test(cause.details)) return "too_large";
  return TRANSIENT.has(cause.code) ? "transient" : "permanent";
}

interface GrpcCause {
  code: status;
  details: string;
  message: string;
}

/** For operators. The SDK's own message names the call that failed, and not why. */
export function reasonOf(error: unknown): string {
  return grpcCause(error)?.message ?? (error instanceof Error ? error.message : String(error));
}

function grpcCause(error: unknown): GrpcCause | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (isGrpcServiceError(current)) return current;
  }
  return undefined;
}
