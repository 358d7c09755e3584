import { modelErrorOf } from "./models/api-error.ts";
import { ModelError } from "./models/model-error.ts";
import type { Model, ModelPrompt, Usage } from "./models/model.ts";
import { watchSilence } from "./silence.ts";

/** How a model's answer came to its end. */
export type Ending =
  | { why: "finished"; usage: Usage }
  /** It said more than a turn may hold. */
  | { why: "too long" }
  /** The turn was interrupted. */
  | { why: "stopped" }
  | { why: "superseded" }
  | { why: "shutdown" }
  /** Temporal does not want this attempt's outcome any more. */
  | { why: "cancelled" }
  | { why: "failed"; error: ModelError };

export interface GenerationTimeouts {
  firstTextTimeoutMs: number;
  idleTimeoutMs: number;
}

/** One run of a model, which whoever has a reason can end. The first reason given counts. */
export class Generation {
  readonly #aborter = new AbortController();
  #ended: Ending | undefined;

  /** What it was ended by, if anything has. */
  get ended(): Ending | undefined {
    return this.#ended;
  }

  end(ending: Ending): void {
    this.#ended ??= ending;
    this.#aborter.abort();
  }

  /** Hands each piece of the answer to `onText`. Never rejects. */
  async run(
    model: Model,
    prompt: ModelPrompt,
    timeouts: GenerationTimeouts,
    onText: (text: string) => void,
  ): Promise<Ending> {
    const { firstTextTimeoutMs, idleTimeoutMs } = timeouts;
    const silence = watchSilence(firstTextTimeoutMs, idleTimeoutMs, () => {
      this.end({
        why: "failed",
        error: new ModelError("broken", "The model fell silent before it had finished its answer."),
      });
    });
    try {
      return await this.#consume(model.stream(prompt, this.#aborter.signal), (text) => {
        silence.heard();
        if (text !== "") onText(text);
      });
    } catch (error) {
      return this.#ended ?? { why: "failed", error: modelErrorOf(error) };
    } finally {
      silence.end();
    }
  }

  async #consume(answer: AsyncGenerator<string, Usage, void>, onText: (text: string) => void): Promise<Ending> {
    while (this.#ended === undefined) {
      const next = await answer.next();
      // An answer that is whole stays whole, even when somebody just wanted to end it.
      if (next.done === true) return { why: "finished", usage: next.value };
      if (this.#ended === undefined) onText(next.value);
    }
    answer.return({}).catch(() => {});
    return this.#ended;
  }
}
