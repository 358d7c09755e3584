import { LIMITS } from "@holdfast/contract/limits";
import type { DeadLetter, DeadLetters } from "@holdfast/internal/temporal";

/** Letters kept, and how long their contents may be together (UTF-16 code units). */
const MOST_LETTERS = 64;
const MOST_CONTENT = 128 * 1024;

/** Durable events the session could not take. Bounded, because whoever can signal a workflow can send any number of them. */
export class DeadLetterBox {
  #letters: DeadLetter[];
  #dropped: number;

  constructor({ letters, dropped }: DeadLetters = { letters: [], dropped: 0 }) {
    this.#letters = [...letters];
    this.#dropped = dropped;
  }

  add(letter: DeadLetter): void {
    const content = letter.content?.slice(0, LIMITS.eventBytes);
    this.#letters.push(content === undefined ? letter : { ...letter, content });
    let length = this.#letters.reduce((sum, kept) => sum + lengthOf(kept), 0);
    let giveWay = Math.max(0, this.#letters.length - MOST_LETTERS);
    for (const oldest of this.#letters.slice(0, giveWay)) length -= lengthOf(oldest);
    while (length > MOST_CONTENT) length -= lengthOf(this.#letters[giveWay++]);
    this.#letters.splice(0, giveWay);
    this.#dropped += giveWay;
  }

  get all(): DeadLetters {
    return { letters: [...this.#letters], dropped: this.#dropped };
  }
}

function lengthOf(letter: DeadLetter | undefined): number {
  return letter?.content?.length ?? 0;
}
