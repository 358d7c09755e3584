/** Stable codes of what can keep a local stack from starting. */
export type StackErrorCode =
  | "already_running"
  | "no_binary"
  | "no_python"
  | "download_failed"
  | "wrong_hash"
  | "unusable_binary"
  | "port_in_use"
  | "bad_port"
  | "unknown_agent"
  | "no_secret"
  | "unreachable"
  | "unusable_server"
  | "child_failed"
  | "build_failed";

/** Those that another machine, or the same one later, would meet as well: an option or a setting is not right. */
const ASKED_WRONGLY: readonly StackErrorCode[] = ["bad_port", "unknown_agent", "unusable_binary"];

/** Something the person at the keyboard can put right: `message` is one or two sentences that say what to do. */
export class StackError extends Error {
  override name = "StackError";
  readonly code: StackErrorCode;

  constructor(code: StackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get isAskedWrongly(): boolean {
    return ASKED_WRONGLY.includes(this.code);
  }
}
