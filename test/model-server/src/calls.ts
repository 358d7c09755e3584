import { lastUserMessage, prefixOf, type ChatRequest } from "./request.ts";
import type { Fault, Script } from "./script.ts";

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
  /** What was sent so far, without reasoning: the client has this or a beginning of it. */
  text: string;
}

const KEPT = 10_000;

/** The newest calls, oldest first, and how many there ever were. */
export class CallLog {
  readonly calls: Call[] = [];
  count = 0;
  readonly #asked = new Counts();

  begin(request: ChatRequest): Call {
    const call: Call = {
      number: ++this.count,
      ordinal: this.#asked.next(lastUserMessage(request)),
      model: request.model,
      messages: request.messages.map(({ role, content }) => ({ role, content })),
      prefix: prefixOf(request),
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
}

/**
 * Gives each call of a plan its fault. Calls belong to the same plan when they carry the same directives and the same last user
 * message, so a retried call goes on in its plan and other calls do not disturb it.
 */
export class FaultPlans {
  readonly #calls = new Counts();

  next(plan: string, script: Script): Fault | undefined {
    if (script.faults.length === 0) return undefined;
    let call = this.#calls.next(plan);
    return script.faults.find(({ times }) => (call -= times) <= 0)?.fault;
  }

  clear(): void {
    this.#calls.clear();
  }
}

/** Counts by name, from 1. The name that was counted last is forgotten last. */
class Counts {
  readonly #counts = new Map<string, number>();

  next(name: string): number {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.delete(name);
    this.#counts.set(name, count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > KEPT && oldest !== undefined) this.#counts.delete(oldest);
    return count;
  }

  clear(): void {
    this.#counts.clear();
  }
}
