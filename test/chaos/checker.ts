import { type Input, reduceFrame, type Snapshot, type Turn, emptySnapshot } from "@holdfast/contract";
import type { History, ReaderRecord, SentEvent } from "./history.ts";

/** The promise that was broken, and where. */
export interface Violation {
  promise: "lost" | "duplicated" | "reordered" | "invented" | "garbled" | "diverged" | "gap" | "hang";
  session: string;
  detail: string;
}

/** Holds a run's history against every promise Holdfast makes. No violations: the run proves nothing was broken. */
export function check(history: History): Violation[] {
  const violations: Violation[] = history.hangs.map((detail) => ({ promise: "hang", session: "", detail }));
  for (const [session, truth] of history.transcripts) {
    const sent = history.sent.filter((event) => event.session === session);
    const inputs = sent.filter(({ kind }) => kind === "input");
    const observes = sent.filter(({ kind }) => kind === "observe");
    violations.push(...checkIntake(session, inputs, truth), ...checkTexts(session, truth, history.answer));
    violations.push(...checkObserves(session, observes, truth));
  }
  for (const reader of history.readers) violations.push(...checkReader(reader, history));
  return violations;
}

const idOf = (input: { producer: string; seq: number }): string => `${input.producer}#${input.seq}`;

/** ack-1, send-2, turn-1: every durable input is in exactly one turn, none is in two, each producer's are in order. */
function checkIntake(session: string, sent: SentEvent[], truth: Snapshot): Violation[] {
  const violations: Violation[] = [];
  const bad = (promise: Violation["promise"], detail: string) => violations.push({ promise, session, detail });
  const first = truth.turns[0]?.turn ?? 1;
  if (first !== 1) bad("lost", `the transcript begins at turn ${first}: the run was too long to be checked whole`);
  const known = new Map(sent.map((input) => [idOf(input), input]));
  const taken = new Map<string, number>();
  const highest = new Map<string, number>();
  const all: Input[] = [...truth.turns, ...(truth.running ? [truth.running] : [])].flatMap((turn) => turn.inputs);
  for (const input of all) {
    const id = idOf(input);
    taken.set(id, (taken.get(id) ?? 0) + 1);
    if (known.get(id)?.text !== input.text) bad("invented", `${id} was applied as ${JSON.stringify(input.text)}`);
    if (input.seq <= (highest.get(input.producer) ?? 0) && taken.get(id) === 1) bad("reordered", `${id} came late`);
    highest.set(input.producer, Math.max(input.seq, highest.get(input.producer) ?? 0));
  }
  for (const [id, times] of taken) if (times > 1) bad("duplicated", `${id} is in ${times} turns`);
  for (const input of sent) {
    if (input.durable && !taken.has(idOf(input))) bad("lost", `${idOf(input)} was durable and is in no turn`);
  }
  return violations;
}

/** ack-1, send-3: the agent counted every durable observe, and none twice. */
function checkObserves(session: string, sent: SentEvent[], truth: Snapshot): Violation[] {
  const durable = sent.filter((event) => event.durable).length;
  const applied = appliedObserves(truth);
  const detail = `${applied} observes were applied; ${durable} of ${sent.length} sent were durable`;
  if (applied < durable) return [{ promise: "lost", session, detail }];
  return applied > sent.length ? [{ promise: "duplicated", session, detail }] : [];
}

/** How many observes the agent (the concierge) has counted, by whatever name. */
export function appliedObserves({ state }: Snapshot): number {
  const tallies = Array.isArray(state["observed"]) ? state["observed"] : [];
  return tallies.reduce<number>((sum, tally) => {
    const counted = typeof tally === "object" && tally !== null && "count" in tally ? tally["count"] : 0;
    return sum + (typeof counted === "number" ? counted : 0);
  }, 0);
}

/** turn-4: a completed turn's text is the model's answer, another's is a beginning of it. */
function checkTexts(session: string, truth: Snapshot, answer: History["answer"]): Violation[] {
  return truth.turns.flatMap((turn, index): Violation[] => {
    const expected = answer(turn.inputs[0]?.text ?? "");
    const whole = turn.outcome === "completed" ? turn.text === expected : expected.startsWith(turn.text);
    const numbered = turn.turn === index + 1;
    return whole && numbered
      ? []
      : [
          {
            promise: "garbled",
            session,
            detail: `turn ${turn.turn} (${turn.outcome}) of the workflow is ${shown(turn.text)} instead of ${shown(expected)}`,
          },
        ];
  });
}

/**
 * chain-1, frame-2 … frame-6: takes the reader's frames as SPEC.md says and looks at all a person would have seen. What
 * breaks the chain must be healed: by what was missing, or by a snapshot.
 */
function checkReader(reader: ReaderRecord, { transcripts, answer }: History): Violation[] {
  const violations: Violation[] = [];
  const { session, name } = reader;
  const bad = (promise: Violation["promise"], detail: string) =>
    violations.push({ promise, session, detail: `${name}: ${detail}` });
  let held = emptySnapshot("");
  let last: string | undefined;
  let broken: string | undefined;
  for (const { at, frame } of reader.frames) {
    if (frame.type !== "snapshot" && frame.prev !== last) {
      broken ??= `at ${at} ms ${frame.type} ${frame.id} follows ${frame.prev}, the reader held ${last}`;
      continue;
    }
    const reduction = reduceFrame(held, frame);
    if (reduction.outcome === "gap") {
      broken ??= `at ${at} ms ${frame.type} ${frame.id} left something out`;
      continue;
    }
    broken = undefined;
    last = frame.id;
    if (reduction.outcome === "applied") held = reduction.snapshot;
    const running = held.running;
    const expected = answer(running?.inputs[0]?.text ?? "");
    if (running && running.inputs.length > 0 && !expected.startsWith(running.text)) {
      bad("garbled", `turn ${running.turn} showed ${shown(running.text)} at ${at} ms`);
    }
  }
  if (broken !== undefined) bad("gap", `never healed: ${broken}`);
  const truth = transcripts.get(session);
  if (truth !== undefined) {
    const difference = differ(reader.final, truth) ?? differ(held, truth);
    if (difference !== undefined) bad("diverged", difference);
  }
  return violations;
}

/** How a reader's view differs from the workflow's, or undefined. */
export function differ(view: Snapshot, truth: Snapshot): string | undefined {
  if (view.version !== truth.version) return `version ${view.version} instead of ${truth.version}`;
  if (view.turns.length !== truth.turns.length) return `${view.turns.length} turns instead of ${truth.turns.length}`;
  const turn = truth.turns.find((each, index) => !sameTurn(each, view.turns[index]));
  if (turn !== undefined)
    return `turn ${turn.turn} differs: ${shown(view.turns.find((t) => t.turn === turn.turn)?.text ?? "")}`;
  if (JSON.stringify(sorted(view.state)) !== JSON.stringify(sorted(truth.state))) return "the agent's state differs";
  if (view.running?.turn !== truth.running?.turn) return "another turn is running";
  return undefined;
}

function sameTurn(a: Turn, b: Turn | undefined): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
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

const shown = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 40)} … ${text.slice(-40)}` : text);
