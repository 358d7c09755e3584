import { type BodyOf, grownPart, type Part, type SessionKey, type Step, type Turn } from "@holdfast/contract";
import type { Fence, Growth, SessionLog } from "../src/index.ts";

/** Turns a model is given. */
const CONTEXT = 3;

/** What the workflow knows when it sends somebody to a step. */
export interface Known {
  turns: Turn[];
  steps: Step[];
}

/** An attempt as `respond` makes it: keeps its step's parts, repairs a gap by `rewind`, stops when stale. */
export class ModelAttempt {
  readonly fence: Fence;
  /** The step's parts as this attempt has them. */
  parts: Part[] = [];
  over = false;
  /** What the log gave as the session's last turns or the turn's steps, where it was something else. */
  forgot: string | undefined;
  /** JSON of all that the parts have been: what readers may show of them. */
  readonly #states = new Set<string>();
  readonly #log: SessionLog;
  readonly #key: SessionKey;
  readonly #started: BodyOf<"turn.started">;
  readonly #known: Known;
  #seq = 0;
  /** Of the frame that told readers the parts; 0: nobody knows. */
  #index = 0;
  #last: () => Promise<unknown> = async () => {};

  constructor(log: SessionLog, key: SessionKey, fence: Fence, started: BodyOf<"turn.started">, known: Known) {
    this.fence = fence;
    this.#log = log;
    this.#key = key;
    this.#started = started;
    this.#known = known;
  }

  /** What the end of its step covers. */
  get covers(): { step: number; attempt: number; index: number; parts: Part[] } {
    const { step, attempt } = this.fence;
    return { step, attempt, index: this.over ? 0 : this.#index, parts: this.parts };
  }

  hasShown(parts: Part[]): boolean {
    return this.#states.has(JSON.stringify(parts));
  }

  /** `goesOn`: the model can continue from what readers hold. */
  async begin(goesOn: boolean): Promise<void> {
    const held = await this.#take();
    if (this.over) return;
    this.#become(goesOn ? held : []);
    if (!goesOn && held.length > 0) await this.#rewind();
  }

  /** Redis was away, and the same writer begins once more. */
  async rejoin(): Promise<void> {
    if (this.over) return;
    const held = await this.#take();
    if (!this.over && JSON.stringify(held) !== JSON.stringify(this.parts)) await this.#rewind();
  }

  /** Adds or changes something, which `n` chooses; 0 is more text. */
  async write(piece: string, n: number): Promise<void> {
    if (this.over) return;
    const { growth, parts } = grown(this.parts, piece, n);
    this.#become(parts);
    if ((await this.#write(growth)) === "gap") await this.#rewind();
  }

  /** What a client library does that does not know whether its command arrived. */
  async resend(): Promise<void> {
    await this.#last();
  }

  /** Takes the fence. Resolves to the parts that readers hold. */
  async #take(): Promise<Part[]> {
    const options = { contextTurns: CONTEXT, seq: this.#seq };
    const begun = await this.#send(() => this.#log.begin(this.#key, this.fence, this.#started, options));
    this.over = begun.outcome === "stale";
    if (this.over) return [];
    this.#index = begun.index;
    this.#compare("turns", begun.turns, this.#known.turns.slice(-CONTEXT));
    this.#compare("steps", begun.steps, this.#known.steps);
    return begun.parts;
  }

  #compare(what: string, told: unknown[] | undefined, truth: unknown[]): void {
    // Undefined: the workflow is asked.
    if (told === undefined || JSON.stringify(told) === JSON.stringify(truth)) return;
    this.forgot = `${what} ${JSON.stringify(told)} of ${JSON.stringify(truth)}`;
  }

  #become(parts: Part[]): void {
    this.parts = parts;
    this.#states.add(JSON.stringify(parts));
  }

  async #write(growth: Growth): Promise<string> {
    const seq = ++this.#seq;
    const { outcome, index } = await this.#send(() => this.#log.write(this.#key, this.fence, seq, growth));
    this.over = outcome === "stale";
    this.#index = outcome === "gap" ? 0 : index;
    return outcome;
  }

  async #rewind(): Promise<void> {
    const outcome = await this.#write({ type: "rewind", parts: this.parts });
    if (outcome === "gap" || outcome === "duplicate") throw new Error(`A rewind is a ${outcome}.`);
  }

  async #send<T>(command: () => Promise<T>): Promise<T> {
    this.#last = command;
    return command();
  }
}

function grown(parts: Part[], piece: string, n: number): { growth: Growth; parts: Part[] } {
  const last = parts.length - 1;
  const placed = (at: number, part: Part): { growth: Growth; parts: Part[] } => ({
    growth: { type: "part", at, part },
    parts: [...parts.slice(0, at), part, ...parts.slice(at + 1)],
  });
  const begun = (begins: "text" | "reasoning"): { growth: Growth; parts: Part[] } => ({
    growth: { type: "delta", at: parts.length, begins, text: piece },
    parts: [...parts, { type: begins, text: piece }],
  });
  switch (n % 9) {
    case 4:
      return begun("reasoning");
    case 5:
      return begun("text");
    case 6:
      return placed(parts.length, { type: "tool", call: piece, name: "search", state: "writing", inputText: "" });
    case 7:
      return placed(n % (parts.length + 1), {
        type: "tool",
        call: piece,
        name: "search",
        state: "done",
        output: [piece],
      });
    case 8:
      return placed(n % (parts.length + 1), { type: "text", text: piece });
    default: {
      const before = parts[last];
      const part = before && grownPart(before, piece);
      if (part === undefined) return begun("text");
      return { growth: { type: "delta", at: last, text: piece }, parts: [...parts.slice(0, last), part] };
    }
  }
}
