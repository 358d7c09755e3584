import { boundTurns } from "@holdfast/contract/reduce";
import type { Turn } from "@holdfast/contract/snapshot";
import { encodedBytes } from "./encoded-bytes.ts";

/**
 * Encoded size beyond which older turns go, whatever `boundTurns` keeps: it counts text, and an input's `data` or text
 * that grows when encoded could otherwise outgrow what a Query may answer or continue-as-new may carry (2 MiB).
 */
const TRANSCRIPT_BYTES = 1024 * 1024;

/** SPEC snap-2: the newest committed turns, and the number of the last one. */
export class Transcript {
  #turns: Turn[];
  #bytes: number[];
  #last: number;

  constructor(turns: readonly Turn[] = [], last = 0) {
    this.#turns = [...turns];
    this.#bytes = this.#turns.map(turnBytes);
    this.#last = last;
  }

  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** Number of the newest turn ever committed; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  add(turn: Turn): void {
    this.#last = turn.turn;
    this.#bytes.push(turnBytes(turn));
    this.#turns = boundTurns([...this.#turns, turn]);
    this.#bytes = this.#bytes.slice(-this.#turns.length);
    // The newest turn stays whatever its size: readers are about to be told of it.
    this.#dropBefore(Math.min(this.#firstWithin(TRANSCRIPT_BYTES), this.#turns.length - 1));
  }

  /** `turn`: another account of the newest one. */
  replaceLast(turn: Turn): void {
    this.#turns = this.#turns.slice(0, -1);
    this.#bytes = this.#bytes.slice(0, -1);
    this.add(turn);
  }

  /** The newest turns whose encoding fits in `bytes`: what continue-as-new carries when there is not room for all. */
  newestWithin(bytes: number): Turn[] {
    return this.#turns.slice(this.#firstWithin(bytes));
  }

  #dropBefore(first: number): void {
    if (first === 0) return;
    this.#turns = this.#turns.slice(first);
    this.#bytes = this.#bytes.slice(first);
  }

  #firstWithin(bytes: number): number {
    let room = bytes;
    let first = this.#turns.length;
    while (first > 0) {
      room -= this.#bytes[first - 1] ?? 0;
      if (room < 0) break;
      first--;
    }
    return first;
  }
}

function turnBytes(turn: Turn): number {
  return encodedBytes(JSON.stringify(turn)) + 1;
}
