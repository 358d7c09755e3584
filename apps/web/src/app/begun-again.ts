import type { SessionView } from "@holdfast/client";
import type { RunningTurn, Turn } from "@holdfast/contract";

/** The part of a view a transcript is made of. */
type Transcript = Pick<SessionView<object>, "agent" | "turns" | "running">;

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
    if (held === undefined || (held.turns === view.turns && held.running === view.running)) return this.#past;
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

function all({ turns, running }: Transcript): readonly AnyTurn[] {
  return running === null ? turns : [...turns, running];
}

/** Whether `after` may be the same conversation as `before`, later or (its log cut short) a little earlier. */
function continues(before: readonly AnyTurn[], after: readonly AnyTurn[]): boolean {
  const known = new Map(before.map((turn) => [turn.turn, turn]));
  for (const turn of after) {
    const same = known.get(turn.turn);
    if (same !== undefined) return sameInputs(same, turn);
  }
  // Turns of a long absence, of which the newest are shown.
  return (after[0]?.turn ?? 0) > (before[0]?.turn ?? 0);
}

function isSame(past: readonly AnyTurn[], after: readonly AnyTurn[]): boolean {
  return (
    after.length > 0 && past.some((turn) => after.some((other) => other.turn === turn.turn && sameInputs(turn, other)))
  );
}

/**
 * A producer gives a number once, so the numbers tell whether it is the same turn. Inputs may join a turn, so one may have more than
 * the other.
 */
function sameInputs(a: AnyTurn, b: AnyTurn): boolean {
  const [fewer, more] = a.inputs.length < b.inputs.length ? [a.inputs, b.inputs] : [b.inputs, a.inputs];
  if (fewer.length === 0) return more.length === 0;
  return fewer.every((input, i) => input.producer === more[i]?.producer && input.seq === more[i]?.seq);
}

function asEnded(turn: AnyTurn): Turn {
  if ("outcome" in turn) return turn;
  const { turn: number, origin, inputs, steps, step, attempt, parts } = turn;
  const all = parts.length === 0 ? steps : [...steps, { step, attempt, parts }];
  return { turn: number, origin, inputs, steps: all, outcome: "completed", finish: "error" };
}
