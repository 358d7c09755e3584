import { ModelError } from "./models/model-error.ts";
import type { Ended, Model, ModelPrompt, Piece } from "./models/model.ts";

/** How a model's answer came to its end. */
export type Ending =
  | ({ why: "finished" } & Ended)
  /** It said more than a turn may hold. */
  | { why: "too long" }
  /** The turn was interrupted. */
  | { why: "stopped" }
  | { why: "superseded" }
  | { why: "shutdown" }
  /** The turn has no time left. */
  | { why: "deadline" }
  /** Temporal does not want this attempt's outcome any more. */
  | { why: "cancelled" }
  | { why: "failed"; error: ModelError };

export interface GenerationTimeouts {
  firstTextTimeoutMs: number;
  idleTimeoutMs: number;
  totalTimeoutMs: number;
}

/** What a model says that a step is made of. */
export type Said = Exclude<Piece, { kind: "alive" }>;

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

  /** Hands each piece of the answer to `onSaid`. Never rejects. A run that failed may be followed by another one. */
  async run(
    model: Model,
    prompt: ModelPrompt,
    timeouts: GenerationTimeouts,
    onSaid: (said: Said) => void,
  ): Promise<Ending> {
    const { firstTextTimeoutMs, idleTimeoutMs, totalTimeoutMs } = timeouts;
    const fail = (detail: string): void => this.end({ why: "failed", error: new ModelError("timeout", detail) });
    const silence = watchSilence(firstTextTimeoutMs, idleTimeoutMs, () =>
      fail("The model fell silent before it had finished its answer."),
    );
    const total = setTimeout(() => fail(`One answer took longer than ${totalTimeoutMs} ms.`), totalTimeoutMs);
    try {
      return await this.#consume(model.stream(prompt, this.#aborter.signal), (piece) => {
        // Before its first text a model may take longer, however much it reasons.
        if (piece.kind === "text" || piece.kind === "reclassify") silence.spoke();
        else silence.alive();
        if (piece.kind !== "alive") onSaid(piece);
      });
    } catch (error) {
      return this.#ended ?? { why: "failed", error: errorOf(error) };
    } finally {
      silence.end();
      clearTimeout(total);
    }
  }

  async #consume(answer: AsyncGenerator<Piece, Ended, void>, onPiece: (piece: Piece) => void): Promise<Ending> {
    while (this.#ended === undefined) {
      const next = await answer.next();
      // An answer that is whole stays whole, even when somebody just wanted to end it.
      if (next.done === true) return { why: "finished", ...next.value };
      if (this.#ended === undefined) onPiece(next.value);
    }
    answer.return({ finish: "unclear", usage: {} }).catch(() => {});
    return this.#ended;
  }
}

function errorOf(error: unknown): ModelError {
  return error instanceof ModelError ? error : new ModelError("broken", "The model failed.", { cause: error });
}

export interface SilenceWatch {
  /** The model works, and says nothing yet. */
  alive(): void;
  /** It said something. */
  spoke(): void;
  end(): void;
}

/**
 * Calls `onSilent` once when nothing is heard for as long as a model may be silent: `firstMs` before its first text, `nextMs` after
 * it. A model server that holds its connection and says nothing would otherwise keep a turn until its deadline.
 */
export function watchSilence(firstMs: number, nextMs: number, onSilent: () => void): SilenceWatch {
  const first = setTimeout(onSilent, firstMs);
  let next: NodeJS.Timeout | undefined;
  return {
    alive: () => void (next ?? first).refresh(),
    spoke: () => {
      if (next !== undefined) return void next.refresh();
      clearTimeout(first);
      next = setTimeout(onSilent, nextMs);
    },
    end: () => {
      clearTimeout(first);
      clearTimeout(next);
    },
  };
}
