import { setTimeout as delay } from "node:timers/promises";
import type { DataPart } from "@holdfast/contract";
import type { Ended, Model, ModelPrompt, Models, Piece } from "@holdfast/activities/models/model";
import { ModelError } from "@holdfast/activities/models/model-error";

/**
 * A model whose answer the input's text prescribes: `hold` says "held" and goes on only when it is stopped; `refuse` is
 * refused; `wait` says "half", and the rest when `goOn` is called; `break` breaks off after "half"; `hang` says "hung", hears no signal and breaks off when `breakOff` is called;
 * any other text is answered by "re: " and itself, in three pieces; where it begins with "I love" the model tells its words as a reading, too. Asked to "hold" by its instructions it does so; asked to "refuse half-way" it says
 * "and half" and refuses the rest.
 */
export class ScriptedModel implements Model, Models {
  readonly provider = "test";
  readonly name = "scripted";
  /** Prompts it was given, newest last. */
  readonly prompts: ModelPrompt[] = [];
  readonly #hanging = Promise.withResolvers<void>();
  readonly #waiting = Promise.withResolvers<void>();

  goOn(): void {
    this.#waiting.resolve();
  }

  breakOff(): void {
    this.#hanging.resolve();
  }

  async resolve(): Promise<Model> {
    return this;
  }

  promptTokens(): undefined {}

  continuesFrom(): boolean {
    return false;
  }

  async *stream(prompt: ModelPrompt, signal: AbortSignal): AsyncGenerator<Piece, Ended, void> {
    this.prompts.push(prompt);
    // An input whose turn had no answer is put before the next one, as one message.
    const said = prompt.messages.at(-1)?.content.split("\n\n").at(-1) ?? "";
    const { instructions = "" } = prompt.request;
    switch (["refuse half-way", "hold"].includes(instructions) ? instructions : said) {
      case "refuse half-way":
        yield { kind: "text", text: "and half" };
        throw new ModelError("refused", "The provider does not go on with this.");
      case "hold":
        yield { kind: "text", text: "held" };
        await delay(2 ** 30, undefined, { signal });
        break;
      case "wait":
        yield { kind: "text", text: "half" };
        await this.#waiting.promise;
        yield { kind: "text", text: " and whole" };
        break;
      case "refuse":
        throw new ModelError("refused", "The provider does not know this model.");
      case "break":
        yield { kind: "text", text: "half" };
        throw new ModelError("broken", "The connection broke off.");
      case "hang":
        yield { kind: "text", text: "hung" };
        await this.#hanging.promise;
        throw new ModelError("broken", "The connection broke off.");
      default:
        if (said.startsWith("I love")) yield { kind: "data", part: readingOf(said) };
        for (const text of ["re", ": ", said]) yield { kind: "text", text };
    }
    return { finish: "stop", usage: {} };
  }
}

/** As the embedded model tells what it read. */
function readingOf(said: string): DataPart {
  return { type: "data", name: "reading", value: { sentiment: 1, entities: [], keywords: said.split(" ") } };
}
