import type { Snapshot, Turn } from "@holdfast/contract";
import { canonical, sameTurn } from "./difference.ts";
import { type Bad, type History, idOf, type ReaderRecord, type SentEvent, shown, type Violation } from "./history.ts";
import { checkCalls, promptOf } from "./model-calls.ts";
import { checkReader } from "./reader-check.ts";
import { isGrowing, readingOf, type Step, textOf, turnsOf } from "./reading.ts";

/** Holds a run's history against every promise Holdfast makes. No violations: the run proves nothing was broken. */
export function check(history: History): Violation[] {
  const violations: Violation[] = [];
  const badIn =
    (session: string): Bad =>
    (promise, detail) =>
      void violations.push({ promise, session, detail });
  for (const detail of history.hangs) badIn("")("hang", detail);
  for (const detail of history.crashes ?? []) badIn("")("crash", detail);
  const truths = new Map<string, Snapshot | undefined>();
  for (const session of sessionsOf(history)) {
    const bad = badIn(session);
    const sent = history.sent.filter((event) => event.session === session);
    const readers = history.readers.filter((reader) => reader.session === session);
    const truth = wholeTranscript(session, history, bad);
    truths.set(session, truth);
    if (truth === undefined) checkSilence(sent, bad);
    else checkSession(session, sent, truth, history, bad);
    for (const reader of readers) checkReader(reader, truth, history.transcripts.get(session), history.answers, bad);
    checkAgreement(readers, bad);
  }
  checkCalls(truths, history, badIn);
  return violations;
}

function sessionsOf({ sent, transcripts, readers }: History): Set<string> {
  return new Set([...transcripts.keys(), ...[...sent, ...readers].map(({ session }) => session)]);
}

/** A session whose workflow does not answer has lost whatever was durable. */
function checkSilence(sent: readonly SentEvent[], bad: Bad): void {
  const durable = sent.filter((event) => event.durable).length;
  if (durable > 0) bad("lost", `${durable} events were durable, and the workflow does not answer`);
}

function checkSession(session: string, sent: SentEvent[], truth: Snapshot, history: History, bad: Bad): void {
  // turn-2: after everything has come to rest no turn is under way.
  if (truth.running !== null) bad("hang", `turn ${truth.running.turn} has not ended`);
  const ofKind = (kind: SentEvent["kind"]): SentEvent[] => sent.filter((event) => event.kind === kind);
  checkIntake(ofKind("input"), truth, bad);
  checkTexts(truth, history.answers, bad);
  const asked = history.interrupts.filter((each) => each === session).length;
  checkOutcomes(truth, asked, history.turnsMayFail === true, bad);
  checkObserves(ofKind("observe"), truth, bad);
}

/** ack-1, send-2, turn-1: every durable input is in exactly one turn, none is in two, each producer's are in order. */
function checkIntake(sent: readonly SentEvent[], truth: Snapshot, bad: Bad): void {
  const first = truth.turns[0]?.turn ?? 1;
  if (first !== 1) bad("lost", `the transcript begins at turn ${first}: the run was too long to be checked whole`);
  const known = new Map(sent.map((input) => [idOf(input), input]));
  const taken = new Map<string, number>();
  const highest = new Map<string, number>();
  for (const input of turnsOf(truth).flatMap((turn) => turn.inputs)) {
    const id = idOf(input);
    const before = highest.get(input.producer) ?? 0;
    taken.set(id, (taken.get(id) ?? 0) + 1);
    if (known.get(id)?.text !== input.text) bad("invented", `${id} was applied as ${JSON.stringify(input.text)}`);
    if (input.seq <= before && taken.get(id) === 1) bad("reordered", `${id} came late`);
    highest.set(input.producer, Math.max(input.seq, before));
  }
  for (const [id, times] of taken) if (times > 1) bad("duplicated", `${id} is in ${times} turns`);
  for (const [id, { durable }] of known)
    if (durable && !taken.has(id)) bad("lost", `${id} was durable and is in no turn`);
}

/** ack-1, send-3: the agent counted every durable observe, and none twice. */
function checkObserves(sent: readonly SentEvent[], truth: Snapshot, bad: Bad): void {
  const durable = sent.filter((event) => event.durable).length;
  const applied = appliedObserves(truth);
  const detail = `${applied} observes were applied; ${durable} of ${sent.length} sent were durable`;
  if (applied < durable) bad("lost", detail);
  else if (applied > sent.length) bad("duplicated", detail);
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
function checkTexts({ turns }: Snapshot, answers: History["answers"], bad: Bad): void {
  for (const [index, ended] of turns.entries()) {
    const [{ turn, inputs, outcome }, text] = [ended, textOf(ended)];
    const given = answers(promptOf(turns.slice(0, index), inputs));
    const isTrue =
      outcome === "completed"
        ? given.some((answer) => answer.isWhole && answer.text === text)
        : text === "" || given.some((answer) => answer.text.startsWith(text));
    if (isTrue && turn === index + 1) continue;
    const instead = given.map((answer) => shown(answer.text)).join(" or ");
    bad("garbled", `turn ${turn} (${outcome}) of the workflow is ${shown(text)} instead of ${instead}`);
  }
}

/** turn-2, command-2: no fault that passes makes a turn fail, and none is cut short but by somebody who asked for it. */
function checkOutcomes({ turns }: Snapshot, asked: number, mayFail: boolean, bad: Bad): void {
  for (const { turn, outcome, error } of turns)
    if (outcome === "failed" && !mayFail)
      bad("lost", `turn ${turn} has no answer: it failed with ${error?.code ?? "no reason"}`);
  const interrupted = turns.filter(({ outcome }) => outcome === "interrupted").map(({ turn }) => turn);
  if (interrupted.length > asked)
    bad("invented", `turns ${interrupted.join(", ")} were interrupted, which was asked for ${asked} times`);
}

/**
 * The session's last snapshot with all of its turns; undefined when its workflow did not answer in the end. snap-2: a snapshot
 * has the newest turns only, so the whole is put together from all that were ever told. turn-2: what was committed is so for
 * good, so every account of a turn is the same.
 */
function wholeTranscript(session: string, { transcripts, told = [] }: History, bad: Bad): Snapshot | undefined {
  const snapshot = transcripts.get(session);
  const turns = new Map<number, Turn>();
  const ofSession = told.filter((each) => each.session === session).map(({ turn }) => turn);
  for (const turn of [...ofSession, ...(snapshot?.turns ?? [])]) {
    const before = turns.get(turn.turn);
    turns.set(turn.turn, turn);
    if (before === undefined || sameTurn(before, turn)) continue;
    const [was, is] = [before, turn].map((each) => `${each.outcome} with ${shown(textOf(each))}`);
    bad("retracted", `the workflow told turn ${turn.turn} was ${was}, then ${is}`);
  }
  return snapshot && { ...snapshot, turns: [...turns.values()].toSorted((a, b) => a.turn - b.turn) };
}

/**
 * chain-2, frame-2: a session has one log, so all of its readers are given the same frame under one id and hold the same
 * state at one version. Says so once for each fact they were told differently.
 */
function checkAgreement(readers: readonly ReaderRecord[], bad: Bad): void {
  const first = new Map<string, { value: string; to: string }>();
  const contradicted = new Set<string>();
  for (const reader of readers) {
    for (const step of readingOf(reader)) {
      for (const [fact, value] of shownBy(step)) {
        const before = first.get(fact);
        if (before === undefined) first.set(fact, { value, to: reader.name });
        else if (before.value !== value && !contradicted.has(fact)) {
          bad("diverged", `${fact} is not the same to ${before.to} and (at ${step.at} ms) ${reader.name}`);
          contradicted.add(fact);
        }
      }
    }
  }
}

function* shownBy({ frame, outcome, held }: Step): Generator<[fact: string, value: string]> {
  if (frame.type !== "snapshot") yield [`frame ${frame.id}`, canonical(frame)];
  if (outcome === "applied" && !isGrowing(frame)) yield [`the state of version ${held.version}`, canonical(held.state)];
}
