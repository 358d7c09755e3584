import { z } from "zod";

/**
 * SPEC err-2: every code a client can meet, whether the same request may succeed later, and what to do.
 * Codes are stable; messages are for people and may change.
 */
export const ERRORS = {
  unauthenticated: { retry: false, advice: "Get a new token and connect again." },
  token_expired: { retry: false, advice: "Get a new token and connect again, or send `renew` before it expires." },
  origin_refused: { retry: false, advice: "Add this origin to HOLDFAST_ALLOWED_ORIGINS at the edge." },
  protocol_unsupported: { retry: false, advice: "Use a client that speaks a protocol version this edge supports." },
  invalid: {
    retry: false,
    advice: "Correct the message; the path in the error says where. Do not send it again as it is.",
  },
  too_large: { retry: false, advice: "Send less; the limits are in `welcome`." },
  forbidden: { retry: false, advice: "Use a session of your own, or a token whose `shared` claim names this one." },
  not_open: { retry: false, advice: "Send `open` for this session on this connection first." },
  unknown_agent: { retry: false, advice: "Name an agent this deployment offers." },
  unknown_session: { retry: false, advice: "Send the session an event first; it has no agent yet." },
  unknown_request: { retry: false, advice: "Use requests this edge knows, or an edge of a later release." },
  unknown_command: { retry: false, advice: "Use a command this session has: so far `interrupt` alone." },
  command_refused: {
    retry: false,
    advice: "The session's state does not allow this command now; the message says why.",
  },
  out_of_order: { retry: true, advice: "Resend from the event after `after`, in order." },
  busy: { retry: true, advice: "Resend after `retryAfterMs`." },
  rate_limited: { retry: true, advice: "Resend after `retryAfterMs`." },
  unavailable: { retry: true, advice: "The service behind the edge did not answer; resend the same message." },
  draining: { retry: true, advice: "Connect again; another edge will take you." },
  internal: { retry: true, advice: "A defect: report it with the edge's log. Resending is safe." },
} as const;
export type ErrorCode = keyof typeof ERRORS;

export const wireErrorSchema = z.object({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  /** Milliseconds to wait before the same request; only with retryable codes. */
  retryAfterMs: z.number().int().nonnegative().optional(),
  /** With `out_of_order`: the last seq this connection took from the producer. */
  after: z.number().int().nonnegative().optional(),
});
export type WireError = z.infer<typeof wireErrorSchema>;

export function wireError(
  code: ErrorCode,
  detail?: string,
  more?: Pick<WireError, "retryAfterMs" | "after">,
): WireError {
  return { code, message: detail ? `${detail} ${ERRORS[code].advice}` : ERRORS[code].advice, ...more };
}

export function isRetryable(error: WireError): boolean {
  return ERRORS[error.code].retry;
}
