import { lastUserMessage, type ChatRequest } from "./request.ts";

/** What became of a call. `aborted`: the client went away first. */
export type CallOutcome = "running" | "finished" | "refused" | "hung" | "stalled" | "cut" | "failed" | "aborted";

export interface Call {
  number: number;
  /** Counts the calls for the same last user message, from 1. */
  ordinal: number;
  model: string;
  messages: { role: string; content: string }[];
  /** Text the call was to continue from. */
  prefix: string;
  outcome: CallOutcome;
  status: number | undefined;
  tokensSent: number;
  /** What was sent so far: the client has this or a beginning of it. */
  text: string;
}

const KEPT = 10_000;

/** The newest calls, oldest first, and how many there ever were. */
export class CallLog {
  readonly calls: Call[] = [];
  count = 0;
  readonly #asked = new Map<string, number>();

  begin(request: ChatRequest, prefix: string): Call {
    this.count++;
    const messages = request.messages.map(({ role, content }) => ({ role, content }));
    const { model } = request;
    const call: Call = {
      number: this.count,
      ordinal: this.#ordinalOf(lastUserMessage(request)),
      model,
      messages,
      prefix,
      outcome: "running",
      status: undefined,
      tokensSent: 0,
      text: "",
    };
    this.calls.push(call);
    if (this.calls.length > KEPT) this.calls.shift();
    return call;
  }

  clear(): void {
    this.calls.length = 0;
    this.count = 0;
    this.#asked.clear();
  }

  #ordinalOf(message: string): number {
    const ordinal = (this.#asked.get(message) ?? 0) + 1;
    // The message asked last is forgotten last.
    this.#asked.delete(message);
    this.#asked.set(message, ordinal);
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > KEPT && oldest !== undefined) this.#asked.delete(oldest);
    return ordinal;
  }
}
