/**
 * How a promise can be broken. `retracted`: a reader was shown as committed what the session does not have in the end.
 * `invented`: what nobody sent, or asked the model for.
 */
export type BrokenPromise =
  | "lost"
  | "duplicated"
  | "reordered"
  | "invented"
  | "garbled"
  | "retracted"
  | "diverged"
  | "gap"
  | "hang"
  | "crash";

/** The promise that was broken, and where. */
export interface Violation {
  promise: BrokenPromise;
  session: string;
  detail: string;
}

/** A text short enough for a violation's detail, quoted. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 40)} … ${text.slice(-40)}` : text);
}
