/** What a guest does, and how long it then waits. */
export interface Act {
  /**
   * - `say`: an input, and its answer to the end. `observe`: a few small facts.
   * - `interrupt`: an input whose turn is stopped as soon as it runs.
   * - `lose`: the connection is destroyed under an input that has no answer yet; the guest comes back with its cursor.
   * - `forget`: the same, and it comes back without.
   */
  do: "say" | "observe" | "interrupt" | "lose" | "forget";
  thenMs: number;
}

/**
 * How a guest ends its visit. `polite`: it closes. `abrupt`: its connection is reset in the middle of an answer.
 * `silent`: it is not heard of again, and does not hear.
 */
export type Departure = "polite" | "abrupt" | "silent";

/** One visit, from its connection to its end. */
export interface VisitPlan {
  /** `sdk`: by `@holdfast/client`. `raw`: by SPEC.md and a Socket.IO client. */
  kind: "sdk" | "raw";
  /** 0 ≤ … < 1: which of the edges, and which of the sessions. */
  edge: number;
  session: number;
  /** Opens a session as well that nobody ever says anything to. */
  looksElsewhere: boolean;
  acts: Act[];
  departure: Departure;
  /** Until the next guest takes the place. */
  thenMs: number;
}

export type Random = () => number;

/** Plans a visit: some seconds long. `silences`: whether guests may fall silent, which an edge needs 45 s to notice. */
export function planVisit(random: Random, silences: boolean): VisitPlan {
  const raw = random() < 0.4;
  const acts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => planAct(random));
  return {
    kind: raw ? "raw" : "sdk",
    edge: random(),
    session: random(),
    looksElsewhere: random() < 0.3,
    acts,
    departure: planDeparture(random, silences && raw),
    thenMs: 100 + random() * 900,
  };
}

function planAct(random: Random): Act {
  const act = pick(random, { say: 40, observe: 20, interrupt: 10, lose: 18, forget: 12 });
  return { do: act, thenMs: 100 + random() * 1_500 };
}

function planDeparture(random: Random, mayFallSilent: boolean): Departure {
  return pick(random, { polite: 45, abrupt: mayFallSilent ? 50 : 55, silent: mayFallSilent ? 5 : 0 });
}

/** One of the names, each as often as its weight says. */
function pick<Name extends string>(random: Random, weights: Record<Name, number>): Name {
  const names = Object.keys(weights).filter((name): name is Name => name in weights);
  let left = random() * names.reduce((sum, name) => sum + weights[name], 0);
  for (const name of names) {
    left -= weights[name];
    if (left < 0) return name;
  }
  throw new Error("There is nothing to pick from.");
}
