import type { Input, Snapshot, Turn } from "@holdfast/contract";
import { canonical, sameTurn } from "./difference.ts";
import {
  type BrokenPromise,
  type History,
  type ReaderRecord,
  type SentEvent,
  shown,
  type Violation,
} from "./history.ts";
import { checkCalls, promptOf } from "./model-calls.ts";
import { checkReader } from "./reader-check.ts";
import { isGrowing, readingOf, type Step, textOf } from "./reading.ts";

/** Holds a run's history against every promise Holdfast makes. No violations: the run proves nothing was broken. */
export function check(history: History): Violation[] {
  const { hangs, crashes = [] } = history;
  const violations: Violation[] = [
    ...hangs.map((detail): Violation => ({ promise: "hang", session: "", detail })),
    ...crashes.map((detail): Violation => ({ promise: "crash", session: "", detail })),
  ];
  const truths = new Map<string, Snapshot | undefined>();
  for (const session of sessionsOf(history)) {
    const sent = history.sent.filter((event) => event.session === session);
    const readers = history.readers.filter((reader) => reader.session === session);
    const { truth, violations: contradictions } = wholeTranscript(session, history);
    truths.set(session, truth);
    violations.push(...contradictions, ...checkSession(session, sent, truth, history));
    for (const reader of readers)
      violations.push(...checkReader(reader, truth, history.transcripts.get(session), history.answers));
    violations.push(...checkAgreement(session, readers));
  }
  violations.push(...checkCalls(truths, history));
  return violations;
}

function sessionsOf({ sent, transcripts, readers }: History): Set<string> {
  return new Set([...transcripts.keys(), ...[...sent, ...readers].map(({ session }) => session)]);
}

/** A session whose workflow does not answer has lost whatever was durable. */
function checkSession(session: string, sent: SentEvent[], truth: Snapshot | undefined, history: History): Violation[] {
  if (truth === undefined) {
    const durable = sent.filter((event) => event.durable).length;
    const detail = `${durable} events were durable, and the workflow does not answer`;
    return durable === 0 ? [] : [{ promise: "lost", session, detail }];
  }
  const inputs = sent.filter(({ kind }) => kind === "input");
  const observes = sent.filter(({ kind }) => kind === "observe");
  return [
    ...checkEnded(session, truth),
    ...checkIntake(session, inputs, truth),
    ...checkTexts(session, truth, history.answers),
    ...checkOutcomes(session, truth, history),
    ...checkObserves(session, observes, truth),
  ];
}

const idOf = (input: { producer: string; seq: number }): string => `${input.producer}#${input.seq}`;

/** turn-2: after everything has come to rest no turn is under way. */
function checkEnded(session: string, { running }: Snapshot): Violation[] {
  return running === null ? [] : [{ promise: "hang", session, detail: `turn ${running.turn} has not ended` }];
}

/** ack-1, send-2, turn-1: every durable input is in exactly one turn, none is in two, each producer's are in order. */
function checkIntake(session: string, sent: SentEvent[], truth: Snapshot): Violation[] {
  const violations: Violation[] = [];
  const bad = (promise: BrokenPromise, detail: string) => violations.push({ promise, session, detail });
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

/** turn-4: a completed turn's text is an answer of the model, whole; another's is a beginning of one. */
function checkTexts(session: string, { turns }: Snapshot, answers: History["answers"]): Violation[] {
  return turns.flatMap((ended, index): Violation[] => {
    const [{ turn, inputs, outcome }, text] = [ended, textOf(ended)];
    const given = answers(promptOf(turns.slice(0, index), inputs));
    const isTrue =
      outcome === "completed"
        ? given.some((answer) => answer.isWhole && answer.text === text)
        : text === "" || given.some((answer) => answer.text.startsWith(text));
    if (isTrue && turn === index + 1) return [];
    const instead = given.map((answer) => shown(answer.text)).join(" or ");
    const detail = `turn ${turn} (${outcome}) of the workflow is ${shown(text)} instead of ${instead}`;
    return [{ promise: "garbled", session, detail }];
  });
}

/** turn-2, command-2: no fault that passes makes a turn fail, and none is cut short but by somebody who asked for it. */
function checkOutcomes(session: string, { turns }: Snapshot, { interrupts, turnsMayFail }: History): Violation[] {
  const failed = turnsMayFail === true ? [] : turns.filter(({ outcome }) => outcome === "failed");
  const violations: Violation[] = failed.map(({ turn, error }) => ({
    promise: "lost",
    session,
    detail: `turn ${turn} has no answer: it failed with ${error?.code ?? "no reason"}`,
  }));
  const interrupted = turns.filter(({ outcome }) => outcome === "interrupted").map(({ turn }) => turn);
  const asked = interrupts.filter((each) => each === session).length;
  if (interrupted.length > asked)
    violations.push({
      promise: "invented",
      session,
      detail: `turns ${interrupted.join(", ")} were interrupted, which was asked for ${asked} times`,
    });
  return violations;
}

interface WholeTranscript {
  /** The session's last snapshot with all of its turns; undefined when its workflow did not answer in the end. */
  truth: Snapshot | undefined;
  violations: Violation[];
}

/**
 * snap-2: a snapshot has the newest turns only, so the whole is put together from all that were ever told. turn-2: what was
 * committed is so for good, so every account of a turn is the same.
 */
function wholeTranscript(session: string, { transcripts, told = [] }: History): WholeTranscript {
  const snapshot = transcripts.get(session);
  const violations: Violation[] = [];
  const turns = new Map<number, Turn>();
  const ofSession = told.filter((each) => each.session === session).map(({ turn }) => turn);
  for (const turn of [...ofSession, ...(snapshot?.turns ?? [])]) {
    const before = turns.get(turn.turn);
    turns.set(turn.turn, turn);
    if (before === undefined || sameTurn(before, turn)) continue;
    const [was, is] = [before, turn].map((each) => `${each.outcome} with ${shown(textOf(each))}`);
    violations.push({
      promise: "retracted",
      session,
      detail: `the workflow told turn ${turn.turn} was ${was}, then ${is}`,
    });
  }
  const all = [...turns.values()].toSorted((a, b) => a.turn - b.turn);
  return { truth: snapshot && { ...snapshot, turns: all }, violations };
}

/** One fact as somebody was shown it. */
interface Shown {
  what: string;
  value: string;
  to: string;
}

/**
 * chain-2, frame-2: a session has one log, so all of its readers are given the same frame under one id and hold the same
 * state at one version. Says so once for each fact they were told differently.
 */
function checkAgreement(session: string, readers: readonly ReaderRecord[]): Violation[] {
  const first = new Map<string, Shown>();
  const contradicted = new Map<string, Violation>();
  for (const reader of readers) {
    for (const step of readingOf(reader)) {
      for (const fact of shownBy(step, reader.name)) {
        const before = first.get(fact.what);
        if (before === undefined) first.set(fact.what, fact);
        else if (before.value !== fact.value && !contradicted.has(fact.what)) {
          const detail = `${fact.what} is not the same to ${before.to} and (at ${step.at} ms) ${fact.to}`;
          contradicted.set(fact.what, { promise: "diverged", session, detail });
        }
      }
    }
  }
  return [...contradicted.values()];
}

function shownBy({ frame, outcome, held }: Step, to: string): Shown[] {
  const facts: Shown[] = [];
  if (frame.type !== "snapshot") facts.push({ what: `frame ${frame.id}`, value: canonical(frame), to });
  if (outcome === "applied" && !isGrowing(frame))
    facts.push({ what: `the state of version ${held.version}`, value: canonical(held.state), to });
  return facts;
}
