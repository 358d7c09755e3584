import { status } from "@grpc/grpc-js";
import { type SessionKey, workflowIdOf } from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import { type Client, isGrpcServiceError, WorkflowNotFoundError } from "@temporalio/client";

/**
 * What a failed call to Temporal means for its caller. `transient`: the call may or may not have had its effect, and may be made
 * again. `overloaded`: it had no effect, and may be made again later. `not_found`: no such workflow.
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

/** "Blob data size exceeds limit.", "grpc: received message larger than max (…)", and a proxy's "Received HTTP status code 413". */
const TOO_LARGE = /size exceeds|size limit|too large|larger than max|status code 413/i;

export function classifyTemporalFailure(error: unknown): TemporalFailure {
  if (error instanceof WorkflowNotFoundError) return "not_found";
  const cause = grpcCause(error);
  // Not an answer of the service at all: the connection, name resolution, a socket.
  if (cause === undefined) return error instanceof TypeError ? "permanent" : "transient";
  // The server ends a run that has grown too large, and the next one has room.
  if (/history (?:size|count)|mutable state size/i.test(cause.details)) return "overloaded";
  // Before the codes, since gRPC says RESOURCE_EXHAUSTED of a message that will be too large for ever.
  if (TOO_LARGE.test(cause.details)) return "too_large";
  if (cause.code === status.RESOURCE_EXHAUSTED) return "overloaded";
  // A run takes 10,000 signals; its worker, once it is back, continues it as new and there is room again.
  if (cause.code === status.INVALID_ARGUMENT && /exceeded .*limit for signal/i.test(cause.details)) return "overloaded";
  return TRANSIENT.has(cause.code) ? "transient" : "permanent";
}

const QUERY_DEADLINE_MS = 10_000;

/** Asks a session's workflow. Undefined: there is none, as of a session that nobody has sent anything to. */
export async function querySession<Answer, Args extends unknown[] = []>(
  client: Client,
  key: SessionKey,
  name: string,
  ...args: Args
): Promise<Answer | undefined> {
  try {
    return await client.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
      client.workflow.getHandle(workflowIdOf(key)).query<Answer, Args>(name, ...args),
    );
  } catch (error) {
    if (classifyTemporalFailure(error) === "not_found") return undefined;
    throw error;
  }
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

const POLL_INTERVAL_MS = 1_000;
const DEADLINE_MS = 2_000;

/**
 * Whether Temporal was ever reached since this process started. A node stays ready when Temporal is away later: else an outage
 * would take all nodes out of the balancer at once, and with them every client's connection.
 */
export class TemporalWatch {
  readonly #client: Client;
  readonly #log: Logger;
  #wasReached = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #isToldOf = false;

  constructor(client: Client, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  get wasReached(): boolean {
    return this.#wasReached;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#client.withDeadline(Date.now() + DEADLINE_MS, () => this.#client.workflowService.getSystemInfo({}));
      this.#wasReached = true;
      if (this.#isToldOf) this.#log.info("Temporal is there");
    } catch (error) {
      if (this.#isStopped) return;
      if (!this.#isToldOf) this.#log.warn({ reason: reasonOf(error) }, "Temporal is out of reach; waiting for it");
      this.#isToldOf = true;
      this.#timer = setTimeout(() => void this.#look(), POLL_INTERVAL_MS);
    }
  }
}
