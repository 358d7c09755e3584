import { APICallError } from "ai";
import { ModelError, type ModelErrorKind } from "./model-error.ts";
import { retryAfterMs } from "./retry-after.ts";

const BROKEN_OFF = "The model server broke off its answer.";

/** What an error of the AI SDK, or an error object in a provider's stream, means for the attempt. */
export function modelErrorOf(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  if (!APICallError.isInstance(error)) return errorInStream(error);
  const { statusCode } = error;
  if (statusCode === undefined)
    return new ModelError("broken", "The model server could not be reached.", { cause: error });
  const kind = isOutOfQuota(error) ? "refused" : kindOfStatus(statusCode);
  const options = { retryAfterMs: retryAfterMs(error.responseHeaders), cause: error };
  return new ModelError(kind, sentence(kind, statusCode), options);
}

/** OpenAI answers 429 both for "slower" and for "no money left"; only the first one passes. */
function isOutOfQuota(error: APICallError): boolean {
  return error.statusCode === 429 && (error.responseBody?.includes("insufficient_quota") ?? false);
}

function kindOfStatus(status: number): ModelErrorKind {
  if (status === 429) return "limited";
  if (status === 408 || status === 409 || status === 425) return "broken";
  if (status === 501 || (status >= 400 && status < 500)) return "refused";
  // A success status here means a body that could not be read.
  return "broken";
}

function sentence(kind: ModelErrorKind, status: number): string {
  switch (kind) {
    case "refused":
      return status === 401 || status === 403
        ? `The model server refused the request (HTTP ${status}): its key is not accepted.`
        : `The model server refused the request (HTTP ${status}): check the model's name and the request.`;
    case "limited":
      return `The model server is limiting its callers (HTTP ${status}).`;
    case "broken":
      return status < 400 ? BROKEN_OFF : `The model server failed (HTTP ${status}).`;
  }
}

/** After the headers there is no status: OpenAI-compatible servers send an error object, and a broken stream is an exception. */
function errorInStream(error: unknown): ModelError {
  const type = typeof error === "object" && error !== null && "type" in error ? error.type : undefined;
  if (type === "invalid_request_error") {
    return new ModelError("refused", "The model server refused the request while answering.", { cause: error });
  }
  return new ModelError("broken", BROKEN_OFF, { cause: error });
}
