import { ERRORS, wireErrorSchema, type ErrorCode, type WireError } from "@holdfast/contract";
import { z } from "zod";

/** What can go wrong on the client's own side; the edge's codes are SPEC §12. */
export const CLIENT_ERRORS = {
  closed: "The session or the client was closed. What was not durable by then may or may not have arrived.",
  aborted: "The caller's AbortSignal fired.",
  token_unavailable: "The `token` function failed or took too long. It is asked again before the next connection.",
  connection_failed: "No edge could be reached. Check the URL, and that the edge serves WebSockets there.",
  connection_lost: "The connection ended. It is made again by itself.",
  bad_answer: "The edge sent something that is not in the contract. Check that the URL is a Holdfast edge's.",
  outbox_full: "Too much is waiting for the edge. Wait until `lag.unacked` falls, then send again.",
  storage_unavailable: "The outbox could not be kept on this device. Events are still sent while the page lives.",
} as const;
export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/** Every error the client reports or rejects with. `code` is stable; `message` is for people. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: ErrorCode | ClientErrorCode;
  /** Milliseconds the edge asked to wait before the same request. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode | ClientErrorCode,
    message: string,
    options: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export function clientError(code: ClientErrorCode, detail?: string, cause?: unknown): HoldfastError {
  return new HoldfastError(code, detail ? `${CLIENT_ERRORS[code]} (${detail})` : CLIENT_ERRORS[code], { cause });
}

export function edgeError(error: WireError): HoldfastError {
  const { code, message, retryAfterMs } = error;
  return new HoldfastError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** SPEC err-2. An error of the client's own side says nothing about the request, so it may be repeated. */
export function isRetryable(error: WireError | HoldfastError): boolean {
  return isEdgeCode(error.code) ? ERRORS[error.code].retry : true;
}

function isEdgeCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** SPEC err-3. A code of a newer edge is read as `internal`: repeating is always safe (req-3), dropping is not. */
export const receivedErrorSchema = wireErrorSchema.extend({
  code: z.string().transform((code): ErrorCode => (isEdgeCode(code) ? code : "internal")),
});
