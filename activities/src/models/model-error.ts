import type { TurnErrorCode } from "@holdfast/contract/turn-errors";

/**
 * Why a model gave no whole answer. It decides how often the question is asked again, whether it counts against the model's
 * health, and what the session's user is told. It is also a label in metrics.
 */
export type FailureClass =
  /** The server will refuse the same request again: its key, the model's name, a parameter. */
  | "refused"
  /** The account behind the key has nothing left to spend. Unlike a limit of rate it does not pass by waiting. */
  | "quota"
  /** The provider does not allow what is said in the request, or withheld the whole answer. */
  | "content"
  /** The request is longer than the model's context. */
  | "too_long"
  /** The answer's limit of tokens was spent before anything was said. */
  | "output_limit"
  /** The server is well, and asks this caller for a pause. */
  | "limited"
  /** The server has more to do than it can. */
  | "overloaded"
  /** No connection came to be, or no response. */
  | "unreachable"
  /** The server failed, or broke its answer off. */
  | "broken"
  /** The server fell silent, or took longer than one call may. */
  | "timeout"
  /** A whole answer without a word in it. */
  | "empty"
  /** There is text, and the server did not say in any way that is known whether that is all. */
  | "unclear";

/** SPEC turn-5: codes of turns that fail because of their model. */
export type ModelFailureCode = Exclude<TurnErrorCode, "turn_deadline" | "agent_error" | "state_too_large">;

interface FailurePolicy {
  /** How many attempts of a step may end this way; the last of them fails the step. */
  attempts: number;
  /** Whether it says something about the model's health, and so counts in its circuit breaker. */
  isUnhealthy: boolean;
  code: ModelFailureCode;
  /** For the session's user, who knows nothing of servers, and must not be shown what a provider said: it may hold keys. */
  sentence: string;
}

const ASK_OPERATOR = "Tell whoever runs this service.";

/** What costs nothing to try again (nobody answered, or asked for a pause) is tried longest; what costs a whole answer, seldom. */
export const FAILURE_POLICY: Record<FailureClass, FailurePolicy> = {
  refused: {
    attempts: 1,
    isUnhealthy: false,
    code: "model_refused",
    sentence: `The model does not take requests as this service is set up. Sending it again will not help. ${ASK_OPERATOR}`,
  },
  quota: {
    attempts: 1,
    isUnhealthy: false,
    code: "model_refused",
    sentence: `This service has used up what it may ask of its model. ${ASK_OPERATOR}`,
  },
  content: {
    attempts: 1,
    isUnhealthy: false,
    code: "content_refused",
    sentence:
      "The model's provider does not allow this message or its answer. Say it in other words, or something else.",
  },
  too_long: {
    attempts: 1,
    isUnhealthy: false,
    code: "context_too_long",
    sentence: "This message is too long for the model. Send a shorter one, or send it in parts.",
  },
  output_limit: {
    attempts: 1,
    isUnhealthy: false,
    code: "output_limit",
    sentence:
      "The model reached its limit of tokens before it said anything: all of it went into reasoning. " +
      `Ask for less at once. If that does not help, the limit is too low. ${ASK_OPERATOR}`,
  },
  limited: {
    attempts: 8,
    isUnhealthy: false,
    code: "model_unavailable",
    sentence: "The model is asked more than it takes at the moment. Send it again in some minutes.",
  },
  overloaded: {
    attempts: 8,
    isUnhealthy: true,
    code: "model_unavailable",
    sentence: "The model has too much to do at the moment. Send it again in some minutes.",
  },
  unreachable: {
    attempts: 8,
    isUnhealthy: true,
    code: "model_unavailable",
    sentence: "The model cannot be reached at the moment. Send it again later.",
  },
  broken: {
    attempts: 5,
    isUnhealthy: true,
    code: "model_unavailable",
    sentence: "The model broke off before its answer was whole. Send it again later.",
  },
  timeout: {
    attempts: 3,
    isUnhealthy: true,
    code: "model_unavailable",
    sentence: "The model fell silent or took too long. Send it again later, or ask for something shorter.",
  },
  empty: {
    attempts: 2,
    isUnhealthy: false,
    code: "model_unavailable",
    sentence: "The model answered without a word. Say it in other words.",
  },
  // The second answer that ends like this is taken for whole (attempt.ts), so the sentence is told only without text.
  unclear: {
    attempts: 2,
    isUnhealthy: false,
    code: "model_unavailable",
    sentence: "The model did not say whether its answer was whole. Send it again.",
  },
};

/** Longest message: a server may answer with a whole page. */
const MOST_DETAIL = 500;

/** `message` is for operators: it may quote the server. The session's user gets the sentence of the policy. */
export class ModelError extends Error {
  override name = "ModelError";
  readonly failure: FailureClass;
  /** Milliseconds the server asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    failure: FailureClass,
    detail: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(detail.slice(0, MOST_DETAIL), { cause: options.cause });
    this.failure = failure;
    this.retryAfterMs = options.retryAfterMs;
  }
}
