import { boundTurns, shrunkTurn, turnLength } from "@holdfast/contract/bounds";
import { LIMITS } from "@holdfast/contract/limits";
import type { Turn } from "@holdfast/contract/turn";
import type { HistoryPage, HistoryQuery } from "@holdfast/internal/temporal";
import { encodedBytes } from "./agent-state.ts";

/**
 * Encoded size of all the turns that are kept; beyond it the oldest go. It bounds a snapshot, too: `boundTurns` counts code units,
 * and text that grows when encoded could otherwise outgrow what a Query may answer or continue-as-new may take along (2 MiB).
 */
const TRANSCRIPT_BYTES = 1024 * 1024;

interface KeptTurn {
  readonly turn: Turn;
  readonly bytes: number;
}

/** What a new turn changes in the transcript, besides being added to it. */
export interface Added {
  /** How many turns the snapshot has with it. */
  keepTurns: number;
  /** The turn of the snapshot that it shrank (SPEC snap-5), as it is now. */
  shrunk?: Turn;
}

/** SPEC snap-2, history-1: the session's committed turns, as far back as there is room for, and the number of the last one. */
export class Transcript {
  /** Those before the snapshot's. */
  #older: KeptTurn[];
  #snapshot: KeptTurn[];
  #last: number;

  constructor(before?: { turns: readonly Turn[]; olderTurns: readonly Turn[]; lastTurn: number }) {
    this.#snapshot = before?.turns.map(keptTurn) ?? [];
    this.#older = before?.olderTurns.map(keptTurn) ?? [];
    this.#last = before?.lastTurn ?? 0;
  }

  /** Those of the snapshot. */
  get turns(): Turn[] {
    return this.#snapshot.map(({ turn }) => turn);
  }

  get olderTurns(): Turn[] {
    return this.#older.map(({ turn }) => turn);
  }

  /** Number of the newest turn ever committed; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  add(turn: Turn): Added {
    this.#last = turn.turn;
    const before = [...this.#snapshot, keptTurn(turn)];
    const bound = boundTurns(before.map((kept) => kept.turn));
    const first = before.length - bound.length;
    this.#older.push(...before.slice(0, first).map((kept) => reKept(kept, shrunkTurn(kept.turn))));
    this.#snapshot = bound.map((after, i) => reKept(before[first + i], after));
    this.#forget();
    const shrinking = before.at(-1 - LIMITS.wholeTurns)?.turn;
    const shrunk = shrinking && this.#snapshot.find((kept) => kept.turn.turn === shrinking.turn)?.turn;
    const isShrunk = shrunk !== undefined && shrunk !== shrinking;
    return { keepTurns: this.#snapshot.length, ...(isShrunk && { shrunk }) };
  }

  /** `turn`: another account of the newest one. */
  replaceLast(turn: Turn): void {
    this.#snapshot = this.#snapshot.slice(0, -1);
    this.add(turn);
  }

  /** SPEC history-1. */
  history({ before, limit }: HistoryQuery): HistoryPage {
    const earlier = [...this.#older, ...this.#snapshot].map(({ turn }) => turn).filter(({ turn }) => turn < before);
    const most = Math.min(limit, LIMITS.historyTurns);
    let first = earlier.length;
    let length = 0;
    while (first > 0 && earlier.length - first < most) {
      const turn = earlier[first - 1];
      if (turn === undefined) break;
      length += turnLength(turn);
      if (length > LIMITS.historyLength && first < earlier.length) break;
      first--;
    }
    return { turns: earlier.slice(first), more: first > 0 };
  }

  /** The newest turns of the snapshot, and then of those before it, whose encoding fits in `bytes`. */
  newestWithin(bytes: number): { turns: Turn[]; olderTurns: Turn[] } {
    const first = firstWithin(this.#snapshot, bytes);
    const turns = this.turns.slice(first);
    const room = bytes - bytesOf(this.#snapshot);
    return { turns, olderTurns: first > 0 ? [] : this.olderTurns.slice(firstWithin(this.#older, room)) };
  }

  #forget(): void {
    // The newest turn stays whatever its size: readers are about to be told of it.
    const first = Math.min(firstWithin(this.#snapshot, TRANSCRIPT_BYTES), this.#snapshot.length - 1);
    this.#snapshot = this.#snapshot.slice(first);
    const room = TRANSCRIPT_BYTES - bytesOf(this.#snapshot);
    this.#older = first > 0 ? [] : this.#older.slice(firstWithin(this.#older, room));
  }
}

function keptTurn(turn: Turn): KeptTurn {
  return { turn, bytes: encodedBytes(JSON.stringify(turn)) + 1 };
}

/** Measures only what has changed. */
function reKept(before: KeptTurn | undefined, turn: Turn): KeptTurn {
  return before?.turn === turn ? before : keptTurn(turn);
}

function bytesOf(kept: readonly KeptTurn[]): number {
  return kept.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Where the newest of them begin that fit in `bytes` together. */
function firstWithin(kept: readonly KeptTurn[], bytes: number): number {
  let room = bytes;
  let first = kept.length;
  while (first > 0) {
    room -= kept[first - 1]?.bytes ?? 0;
    if (room < 0) break;
    first--;
  }
  return first;
}
