import { LIMITS, type Part, partLength, textOfParts } from "@holdfast/contract";
import type { Said } from "./generation.ts";
import type { StepWriter } from "./step-writer.ts";

/** How much of what its turn has left a model's reasoning may take. The rest of it is heard, and not kept. */
const REASONING_SHARE = 0.5;

export interface AnswerOptions {
  writer: StepWriter;
  /** What the turn may still hold, in the unit of LIMITS.turnLength. */
  room: number;
  /** The model has said more than there is room for. */
  onFull: () => void;
  /** For operators. */
  warn: (message: string, attributes: Record<string, unknown>) => void;
}

/** Makes parts of what a model says, as many and as long as a turn may hold. */
export class Answer {
  readonly #options: AnswerOptions;
  readonly #room: number;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#room = Math.max(0, options.room);
  }

  get text(): string {
    return textOfParts(this.#options.writer.parts);
  }

  take(said: Said): void {
    const { writer } = this.#options;
    switch (said.kind) {
      case "text":
        return writer.say("text", this.#fitted(said.text, writer.parts));
      case "reasoning":
        return writer.say("reasoning", this.#kept(said.text, writer.parts));
      case "data":
        return this.#place(said.part);
      case "reclassify":
        return said.as === "text" ? this.#wasText(said.text) : this.#wasReasoning(said.text);
    }
  }

  #place(part: Part): void {
    const { writer, warn } = this.#options;
    const length = partLength(part);
    if (length <= LIMITS.partLength && length <= this.#left(writer.parts)) writer.place(part);
    else warn("a part is too large for its turn and is left out", { type: part.type, length });
  }

  #wasText(text: string): void {
    const { writer } = this.#options;
    const others = writer.parts.filter(({ type }) => type !== "reasoning");
    const fitted = this.#fitted(text, others);
    writer.rewind(fitted === "" ? others : [...others, { type: "text", text: fitted.toWellFormed() }]);
  }

  #wasReasoning(text: string): void {
    const { writer } = this.#options;
    const others = writer.parts.filter(({ type }) => type !== "text");
    const kept = this.#kept(text, others);
    writer.rewind(kept === "" ? others : [...others, { type: "reasoning", text: kept.toWellFormed() }]);
  }

  /** As much of an answer's text as there is room for beside these parts. */
  #fitted(text: string, parts: readonly Part[]): string {
    const left = this.#left(parts);
    if (text.length >= left) this.#options.onFull();
    return text.slice(0, left);
  }

  /** As much of a reasoning as leaves room for an answer. */
  #kept(text: string, parts: readonly Part[]): string {
    const reasoned = lengthOf(parts.filter(({ type }) => type === "reasoning"));
    const share = Math.floor(this.#room * REASONING_SHARE) - reasoned;
    return text.slice(0, Math.max(0, Math.min(share, this.#left(parts))));
  }

  #left(parts: readonly Part[]): number {
    return Math.max(0, this.#room - lengthOf(parts));
  }
}

/** Asked for each piece that a model says: what is no text is measured once. */
const lengths = new WeakMap<Part, number>();

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + memoizedLength(part), 0);
}

function memoizedLength(part: Part): number {
  if (part.type === "text" || part.type === "reasoning") return part.text.length;
  const known = lengths.get(part) ?? partLength(part);
  lengths.set(part, known);
  return known;
}
