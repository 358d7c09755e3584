import { shrunkTurn, type Snapshot, type Turn } from "@holdfast/contract";
import { shown } from "./history.ts";
import { textOf } from "./reading.ts";

/**
 * How a reader's view differs from the workflow's, or undefined. A reader may hold turns that are older than all the
 * workflow's snapshot keeps (snap-2).
 */
export function differ(view: Snapshot, truth: Snapshot): string | undefined {
  if (view.version !== truth.version) return `version ${view.version} instead of ${truth.version}`;
  const oldest = truth.turns[0]?.turn ?? 1;
  const turns = view.turns.filter((turn) => turn.turn >= oldest);
  if (turns.length !== truth.turns.length) return `${turns.length} turns instead of ${truth.turns.length}`;
  const turn = truth.turns.find((each, index) => !sameTurn(each, turns[index]));
  if (turn !== undefined)
    return `turn ${turn.turn} differs: ${shown(textOf(view.turns.find((t) => t.turn === turn.turn)))}`;
  if (canonical(view.state) !== canonical(truth.state)) return "the agent's state differs";
  if (view.running?.turn !== truth.running?.turn) return "another turn is running";
  return undefined;
}

/** Whether two accounts of a turn are the same, where one may be of when it was no longer among the newest (snap-5). */
export function sameTurn(a: Turn, b: Turn | undefined): boolean {
  if (b === undefined) return false;
  if (canonical(a) === canonical(b)) return true;
  const [shrunkA, shrunkB] = [shrunkTurn(a), shrunkTurn(b)];
  return (a === shrunkA || b === shrunkB) && canonical(shrunkA) === canonical(shrunkB);
}

/** Its JSON, equal for equal values whatever the order of their members. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? "";
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}
