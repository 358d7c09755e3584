import type { Frame, Input, Snapshot, Turn } from "@holdfast/contract";
import { check } from "./checker.ts";
import type { History, ReaderRecord, SentEvent, Violation } from "./history.ts";
import { answersIn, conversationOf, type ModelCall } from "./model-calls.ts";

export const answer = (text: string): string => `${text}: one two three`;
export function inputOf(seq: number): Input {
  return { by: "ann", producer: "p", seq, origin: "user", at: seq, text: `say ${seq}` };
}
/** What a turn of one step says. */
export function stepOf(text: string): Pick<Turn, "steps"> {
  return { steps: [{ step: 1, attempt: 1, parts: text === "" ? [] : [{ type: "text", text }] }] };
}
/** A turn of one step, which says `text`. */
export function turnOf(turn: number, inputs: Input[], text: string): Turn {
  return { turn, origin: "user", inputs, ...stepOf(text), outcome: "completed", finish: "stop" };
}
export function sentInput(seq: number, durable = true): SentEvent {
  return { session: "s", producer: "p", seq, text: `say ${seq}`, kind: "input", at: seq, durable };
}
export function sentObserve(seq: number, durable = true): SentEvent {
  return { ...sentInput(seq, durable), kind: "observe", text: "looks" };
}

/** The call whose answer is the last turn's. */
export function callOf(turns: readonly Turn[], text: string, isWhole = true): ModelCall {
  return { messages: conversationOf(turns.slice(0, -1), turns.at(-1)?.inputs ?? []), text, isWhole };
}

/** Two inputs, two turns, one reader from the beginning: all as it should be. */
export function sound(): History {
  const turns = [1, 2].map((turn) => turnOf(turn, [inputOf(turn)], answer(`say ${turn}`)));
  const truth: Snapshot = { version: 4, agent: "a", state: { n: 2 }, turns, running: null, applied: { "ann/p": 2 } };
  const empty: Snapshot = { version: 0, agent: "a", state: {}, turns: [], running: null, applied: {} };
  const frames: Frame[] = [{ type: "snapshot", id: "0", snapshot: empty }, ...[1, 2].flatMap(framesOf)];
  const given = frames.map((frame, at) => ({ at, frame }));
  const modelCalls = [1, 2].map((turn) => callOf(turns.slice(0, turn), answer(`say ${turn}`)));
  return {
    sent: [1, 2].map((seq) => sentInput(seq)),
    transcripts: new Map([["s", truth]]),
    readers: [{ name: "r", session: "s", frames: given, final: truth }],
    modelCalls,
    answers: answersIn(modelCalls),
    interrupts: [],
    hangs: [],
  };
}

/** A turn's four frames. */
function framesOf(turn: number): Frame[] {
  const chain = (nth: number) => ({ id: `${(turn - 1) * 4 + nth}`, prev: `${(turn - 1) * 4 + nth - 1}`, turn });
  const step = { step: 1, attempt: 1 };
  const delta = { type: "delta", ...step, at: 0 } as const;
  const text = answer(`say ${turn}`);
  const started = { version: turn * 2 - 1, agent: "a", origin: "user" } as const;
  const ended = { version: turn * 2, outcome: "completed", finish: "stop", ...step, index: 2 } as const;
  return [
    { type: "turn.started", ...chain(1), ...started, inputs: [inputOf(turn)], applied: { "ann/p": turn } },
    { ...delta, ...chain(2), index: 1, begins: "text", text: text.slice(0, 5) },
    { ...delta, ...chain(3), index: 2, text: text.slice(5) },
    { type: "turn.ended", ...chain(4), ...ended, patch: [{ op: "add", path: "/n", value: turn }] },
  ];
}

/** Makes something wrong in a history. */
export type Corrupt = (history: History, truth: Snapshot, reader: ReaderRecord) => unknown;

/** What the checker says of a sound history in which something was made wrong. */
export function promisesBroken(corrupt: Corrupt): Violation["promise"][] {
  const history = structuredClone({ ...sound(), answers: undefined });
  const whole: History = { ...history, answers: (question) => answersIn(history.modelCalls)(question) };
  const [truth] = whole.transcripts.values();
  const [reader] = whole.readers;
  if (truth === undefined || reader === undefined) throw new Error("there is nothing to corrupt");
  corrupt(whole, truth, reader);
  return [...new Set(check(whole).map(({ promise }) => promise))].toSorted();
}

/** The last that a reader was given. */
export function givenAtLast(reader: ReaderRecord, snapshot: Snapshot, id = "8"): void {
  reader.frames.push({ at: 99, frame: { type: "snapshot", id, snapshot: structuredClone(snapshot) } });
}

/** A reader that saw the end only. */
export function sawOnly(reader: ReaderRecord, truth: Snapshot): void {
  reader.frames = [];
  givenAtLast(reader, truth);
  reader.final = truth;
}
