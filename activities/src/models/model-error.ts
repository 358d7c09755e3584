/**
 * Why a model gave no whole answer.
 * - `refused`: it will refuse the same request again (key, name, content).
 * - `limited`: it is well but asks for a pause; says nothing against its health.
 * - `broken`: it failed; a later try may succeed.
 */
export type ModelErrorKind = "refused" | "limited" | "broken";

/** `message` is for the session's user: it must not quote the provider, whose words may hold keys. Those go in `cause`. */
export class ModelError extends Error {
  override name = "ModelError";
  readonly kind: ModelErrorKind;
  /** Milliseconds the provider asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: ModelErrorKind,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}
