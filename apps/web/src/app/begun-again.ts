import type { SessionView } from "@holdfast/client";
import type { RunningTurn, Turn } from "@holdfast/contract";

/** The part of a view a transcript is made of. */
type Transcript = Pick<SessionView<object>, "agent" | "turns" | "streaming">;

/** What a page keeps of a conversation its reader saw. */
const MOST = 200;
const NOTHING: readonly Turn[] = [];

/**
 * Remembers what the reader had when a session begins again (SPEC snap-4): the service then knows nothing of it any more,
 * and without a word the whole conversation would disappear from under the reader.
 */
export class BegunAgain {
  #held: Transcript | undefined;
  #past: readonly Turn[] = NOTHING;

  /** Takes in the next view, and returns the turns from before the session began again: the same array until they change. */
  see(view: Transcript): readonly Turn[] {
    const held = this.#held;
    if (view.agent === undefined) return this.#past;
    this.#held = view;
    if (held === undefined || (held.turns === view.turns && held.streaming === view.streaming)) return this.#past;
    // A log that lost its tail (or all, for a moment) is told the rest again: then nothing has begun anew.
    if (this.#past.length > 0 && isSame(this.#past, all(view))) this.#past = NOTHING;
    const before = all(held);
    if (before.length > 0 && !continues(before, all(view))) {
      this.#past = [...this.#past, ...before.map(asEnded)].slice(-MOST);
    }
    return this.#past;
  }
}

type AnyTurn = Turn | RunningTurn;

function all({ turns, streaming }: Transcript): readonly AnyTurn[] {
  return streaming === null ? turns : [...turns, streaming];
}

/** Whether `after` may be the same conversation as `before`, later or (its log cut short) a little earlier. */
function continues(before: readonly AnyTurn[], after: readonly AnyTurn[]): boolean {
  const first = after[0];
  if (first === undefined) return false;
  const known = before.find((turn) => turn.turn === first.turn);
  // Beyond what was held: turns of a long absence, of which the newest are shown.
  if (known === undefined) return first.turn > (before[0]?.turn ?? 0);
  return sameInputs(known, first);
}

function isSame(past: readonly AnyTurn[], after: readonly AnyTurn[]): boolean {
  return (
    after.length > 0 && past.some((turn) => after.some((other) => other.turn === turn.turn && sameInputs(turn, other)))
  );
}

/** A producer gives a number once, so the numbers tell whether it is the same turn. */
function sameInputs(a: AnyTurn, b: AnyTurn): boolean {
  if (a.inputs.length !== b.inputs.length) return false;
  return a.inputs.every((input, i) => input.producer === b.inputs[i]?.producer && input.seq === b.inputs[i]?.seq);
}

function asEnded(turn: AnyTurn): Turn {
  if ("outcome" in turn) return turn;
  const { turn: number, inputs, text } = turn;
  return { turn: number, inputs, outcome: "completed", finish: "error", text };
}
