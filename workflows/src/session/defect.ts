/** What is missed in the sandbox most often by code that was written for Node or a browser. */
const OUTSIDE = new Set(
  "fetch require process Buffer XMLHttpRequest WebSocket EventSource crypto performance setImmediate clearImmediate window document navigator localStorage __dirname __filename".split(
    " ",
  ),
);

export interface Defect {
  /** One line: what was thrown, and what to do about it where that is known. */
  summary: string;
  /** With the places in the agent's files. */
  stack: string;
}

/** Whatever an agent's code threw, for the eyes of whoever wrote it. */
export function describeDefect(thrown: unknown): Defect {
  if (!(thrown instanceof Error)) {
    const summary = `${String(thrown)} (thrown as it is: throw an Error, which tells where it came from)`;
    return { summary, stack: summary };
  }
  const hint = hintFor(thrown);
  const message = `${thrown.name}: ${thrown.message}`;
  const summary = hint === undefined ? message : `${message}. ${hint}`;
  const stack = stackOf(thrown, message);
  return { summary, stack: hint === undefined ? stack : `${stack}\n${hint}` };
}

function hintFor({ name, message }: Error): string | undefined {
  const missing = name === "ReferenceError" ? /^(\S+) is not defined/.exec(message)?.[1] : undefined;
  if (missing !== undefined && OUTSIDE.has(missing)) {
    return `The code of an agent runs in Temporal's sandbox, which has no ${missing}: what reaches outside goes through \`turn\`, or is done in an activity.`;
  }
  if (name === "DeterminismViolationError") {
    return "The code of an agent is run again from history and must do the same each time.";
  }
  return undefined;
}

function stackOf(thrown: Error, message: string): string {
  const stack = thrown.stack ?? message;
  const { cause } = thrown;
  return cause instanceof Error ? `${stack}\nCaused by: ${stackOf(cause, cause.message)}` : stack;
}
