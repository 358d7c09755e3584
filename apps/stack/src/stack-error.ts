/** Stable codes of what can keep a local stack from starting. */
export type StackErrorCode =
  | "already_running"
  | "no_binary"
  | "no_python"
  | "download_failed"
  | "wrong_hash"
  | "unusable_binary"
  | "port_in_use"
  | "unreachable"
  | "child_failed"
  | "build_failed";

/** Something the person at the keyboard can put right: `message` is one or two sentences that say what to do. */
export class StackError extends Error {
  override name = "StackError";
  readonly code: StackErrorCode;

  constructor(code: StackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
