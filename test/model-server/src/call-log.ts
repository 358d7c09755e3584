import type { ChatRequest } from "./request.ts";

/** What became of a call. `aborted`: the client went away first. */
export type CallOutcome = "running" | "finished" | "refused" | "hung" | "stalled" | "cut" | "failed" | "aborted";

export interface Call {
  number: number;
  model: string;
  messages: { role: string; content: string }[];
  /** Text the call was to continue from. */
  prefix: string;
  outcome: CallOutcome;
  status: number | undefined;
  tokensSent: number;
}

const KEPT = 10_000;

/** The newest calls, oldest first, and how many there ever were. */
export class CallLog {
  readonly calls: Call[] = [];
  count = 0;

  begin(request: ChatRequest, prefix: string): Call {
    this.count++;
    const messages = request.messages.map(({ role, content }) => ({ role, content }));
    const { model } = request;
    const call: Call = {
      number: this.count,
      model,
      messages,
      prefix,
      outcome: "running",
      status: undefined,
      tokensSent: 0,
    };
    this.calls.push(call);
    if (this.calls.length > KEPT) this.calls.shift();
    return call;
  }

  clear(): void {
    this.calls.length = 0;
    this.count = 0;
  }
}
