import { textOf, turnLength, type Turn } from "@holdfast/contract";
import equal from "fast-deep-equal";

/** One answer to `history`: turns, oldest first, and whether the session has older ones (SPEC history-2). */
export interface HistoryPage {
  turns: Turn[];
  more: boolean;
}

/**
 * How much older turns may hold together, as `turnLength` measures it. It is more than a session keeps, so that all of a session can be
 * shown, and it bounds a page that stays open for weeks.
 */
const OLDER_LENGTH = 2 * 1024 * 1024;

/**
 * The turns of a session as they are shown: those of the snapshot and, before them, older ones that were asked for. The older ones
 * are kept for as long as they fit on: the first turn of the snapshot has to be one that is shown already. Otherwise turns between
 * them would be missing, or the session began again under its name and the old turns are of another conversation.
 */
export class Transcript {
  #older: Turn[] = [];
  #newest: readonly Turn[] = [];
  #turns: readonly Turn[] = [];
  /** The session said that it has no turn before the one of this number. */
  #oldestKept: number | undefined;

  /** Oldest first, without gaps. The same array until something changes. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** Whether the session has turns before the first of these, as far as is known. */
  get hasOlder(): boolean {
    const first = this.#turns[0]?.turn ?? 1;
    return first > 1 && first !== this.#oldestKept;
  }

  /** The turns of the snapshot are these now. */
  follow(newest: readonly Turn[]): void {
    if (newest === this.#newest) return;
    const [first] = newest;
    const shown = this.#turns.findIndex(({ turn }) => turn === first?.turn);
    const isSame = first !== undefined && isSameTurn(this.#turns[shown], first);
    if (!isSame) this.#oldestKept = undefined;
    // A turn that left the snapshot is kept only if older ones would otherwise stand before a gap.
    const fits = isSame && this.#older.length > 0;
    this.#show(fits ? bounded(this.#turns.slice(0, shown)) : [], newest);
  }

  /**
   * The answer to the question for the turns before `first`. `moved`: the turns do not begin with `first` any more, so the answer is
   * of no use. `misfit`: these are not the turns before it.
   */
  prepend({ turns, more }: HistoryPage, first: Turn): "added" | "moved" | "misfit" {
    const shown = this.#turns[0];
    if (shown?.turn !== first.turn || !isSameTurn(shown, first)) return "moved";
    if (turns.some(({ turn }, index) => turn !== first.turn - turns.length + index)) return "misfit";
    if (!more) this.#oldestKept = turns[0]?.turn ?? first.turn;
    this.#show([...turns, ...this.#older], this.#newest);
    return "added";
  }

  #show(older: Turn[], newest: readonly Turn[]): void {
    this.#older = older;
    this.#newest = newest;
    this.#turns = older.length === 0 ? newest : [...older, ...newest];
  }
}

/** Committed turns never change, but what they made may have been shrunk (SPEC snap-5). Their text never is. */
function isSameTurn(held: Turn | undefined, turn: Turn): boolean {
  if (held === turn) return true;
  return held !== undefined && equal(held.inputs, turn.inputs) && textOf(held) === textOf(turn);
}

function bounded(turns: Turn[]): Turn[] {
  let length = 0;
  let from = turns.length;
  for (const turn of turns.toReversed()) {
    length += turnLength(turn);
    if (length > OLDER_LENGTH) break;
    from--;
  }
  return from === 0 ? turns : turns.slice(from);
}
