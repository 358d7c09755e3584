import { emptySnapshot, type Input, markOf, type Snapshot } from "@holdfast/contract";
import { canonical, differ, sameTurn } from "./difference.ts";
import { type Bad, type History, type ReaderRecord, shown } from "./history.ts";
import { promptOf } from "./model-calls.ts";
import { factsOf, isGrowing, readingOf, type Step, textOf, turnsOf } from "./reading.ts";

/**
 * Looks at all a person would have seen. What breaks the chain must be healed, by what was missing or by a snapshot; text
 * only grows into the model's answer; and what was shown as committed is in the transcript in the end. `truth` has all of
 * the session's turns, `newest` those a reader is to hold in the end.
 */
export function checkReader(
  reader: ReaderRecord,
  truth: Snapshot | undefined,
  newest: Snapshot | undefined,
  answers: History["answers"],
  badInSession: Bad,
): void {
  const bad: Bad = (promise, detail) => badInSession(promise, `${reader.name}: ${detail}`);
  let held = emptySnapshot("");
  let broken: string | undefined;
  for (const step of readingOf(reader)) {
    const { at, frame, outcome, last } = step;
    held = step.held;
    if (outcome === "unchained" && frame.type !== "snapshot") {
      broken ??= `at ${at} ms ${frame.type} ${frame.id} follows ${frame.prev}, the reader held ${last}`;
    } else if (outcome === "gap") {
      broken ??= `at ${at} ms ${frame.type} ${frame.id} left something out`;
    } else {
      broken = undefined;
      checkStep(step, truth, answers, bad);
    }
  }
  if (broken !== undefined) bad("gap", `never healed: ${broken}`);
  const difference = newest && (differ(reader.final, newest) ?? differ(held, newest));
  if (difference !== undefined) bad("diverged", difference);
}

function checkStep(step: Step, truth: Snapshot | undefined, answers: History["answers"], bad: Bad): void {
  if (step.outcome === "ignored") return checkRepeat(step, bad);
  checkPartialText(step, answers, bad);
  checkKeptText(step, bad);
  if (truth !== undefined) checkFacts(step, truth, bad);
}

/**
 * frame-2, frame-4: a reader would pass over these, but the log refuses them: one that is in it is a writer's that was
 * overtaken, or was written twice.
 */
function checkRepeat({ at, frame, before }: Step, bad: Bad): void {
  if (isGrowing(frame)) {
    const { running } = before;
    if (running?.turn !== frame.turn) return;
    const isOvertaken = frame.step < running.step || (frame.step === running.step && frame.attempt < running.attempt);
    if (isOvertaken)
      bad("garbled", `at ${at} ms attempt ${frame.attempt} of turn ${frame.turn} wrote after it was overtaken`);
    else bad("duplicated", `at ${at} ms ${frame.type} ${frame.index} of turn ${frame.turn} came again`);
  } else if ("version" in frame) {
    bad("duplicated", `at ${at} ms ${frame.type} of version ${frame.version} came again`);
  }
}

/** turn-4: a running turn's text is a beginning of one of the model's answers. Says so where it ceases to be. */
function checkPartialText({ at, before, held }: Step, answers: History["answers"], bad: Bad): void {
  if (hasTrueText(held, answers) || !hasTrueText(before, answers)) return;
  bad("garbled", `turn ${held.running?.turn} showed ${shown(textOf(held.running))} at ${at} ms`);
}

/** turn-5: what a failed turn had said stays: its end takes nothing away from what a reader was showing. */
function checkKeptText({ at, before, held }: Step, bad: Bad): void {
  const { running } = before;
  if (running === null || textOf(running) === "") return;
  const failed = held.turns.find(({ turn, outcome }) => turn === running.turn && outcome === "failed");
  if (failed === undefined || textOf(failed).startsWith(textOf(running))) return;
  const detail = `at ${at} ms turn ${running.turn} failed with ${shown(textOf(failed))}, ${textOf(running).length} characters had been shown`;
  bad("retracted", detail);
}

function hasTrueText({ running, turns }: Snapshot, answers: History["answers"]): boolean {
  if (running === null || running.inputs.length === 0) return true;
  const shownText = textOf(running);
  if (shownText === "") return true;
  return answers(promptOf(turns, running.inputs)).some(({ text }) => text.startsWith(shownText));
}

/** turn-2, ack-2: a committed turn, an input's turn, and that an input was applied, are never taken back. */
function checkFacts({ at, frame, before, held }: Step, truth: Snapshot, bad: Bad): void {
  if (held.version < before.version)
    bad("retracted", `at ${at} ms version ${before.version} went back to ${held.version}`);
  const { ended, started, applied } = factsOf(frame, held);
  for (const turn of ended) {
    const committed = truth.turns.find((each) => each.turn === turn.turn);
    if (sameTurn(turn, committed)) continue;
    const instead = committed === undefined ? "not there" : `${committed.outcome} with ${shown(textOf(committed))}`;
    bad("retracted", `at ${at} ms turn ${turn.turn} was ${turn.outcome} with ${shown(textOf(turn))}; it is ${instead}`);
  }
  const turns = turnsOf(truth);
  if (started !== null && started.inputs.length > 0) {
    const taken = turns.find(({ turn }) => turn === started.turn)?.inputs ?? [];
    if (canonical(taken) !== canonical(started.inputs))
      bad("retracted", `at ${at} ms turn ${started.turn} had taken ${texts(started.inputs)}; it took ${texts(taken)}`);
  }
  for (const [mark, seq] of Object.entries(applied)) {
    const isTaken = turns.some(({ inputs }) =>
      inputs.some((input) => markOf(input.by, input.producer) === mark && input.seq === seq),
    );
    if (!isTaken) bad("retracted", `at ${at} ms ${mark}#${seq} was applied; it is in no turn`);
  }
}

const texts = (inputs: readonly Input[]): string => shown(inputs.map(({ text }) => text).join(", "));
