import pc from "picocolors";

const TIME_WIDTH = 8;
const LABEL_WIDTH = 11;
const TEXT_WIDTH = 92;

export type Label = "you" | "agent" | "client" | "stack" | "✗ kill -9" | "✓" | "✗" | "↩ rewind";

/** A timeline on the terminal: one labelled line per happening, and the agent's words as they arrive. */
export class Screen {
  readonly #startedAt = Date.now();
  /** Columns of streamed text on the line that is being written; undefined when no line is open. */
  #column: number | undefined;

  line(label: Label, text: string): void {
    this.#endLine();
    process.stdout.write(`${this.#margin(label)}${text}\n`);
  }

  /** Goes on with the agent's line, wrapped between words; begins one if something else was written since. */
  stream(text: string): void {
    for (const word of text.split(/(?<= )/)) {
      if (this.#column === undefined || this.#column + word.length > TEXT_WIDTH) this.#beginLine();
      process.stdout.write(word);
      this.#column = (this.#column ?? 0) + word.length;
    }
  }

  end(): void {
    this.#endLine();
  }

  #beginLine(): void {
    const label = this.#column === undefined ? this.#margin("agent") : " ".repeat(TIME_WIDTH + LABEL_WIDTH);
    this.#endLine();
    process.stdout.write(label);
    this.#column = 0;
  }

  #endLine(): void {
    if (this.#column !== undefined) process.stdout.write("\n");
    this.#column = undefined;
  }

  #margin(label: Label): string {
    const seconds = ((Date.now() - this.#startedAt) / 1_000).toFixed(1);
    return pc.dim(`${seconds.padStart(TIME_WIDTH - 4)} s  `) + paint(label);
  }
}

function paint(label: Label): string {
  const text = label.padEnd(LABEL_WIDTH);
  switch (label) {
    case "you":
      return pc.cyan(text);
    case "agent":
      return pc.green(text);
    case "✗ kill -9":
    case "✗":
      return pc.red(text);
    case "↩ rewind":
      return pc.yellow(text);
    case "✓":
      return pc.bold(pc.green(text));
    case "client":
    case "stack":
      return pc.dim(text);
  }
}
