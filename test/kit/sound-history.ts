import type { Frame, Input, Snapshot, Turn } from "@holdfast/contract";
import { check } from "./checker.ts";
import type { History, ReaderRecord, SentEvent, Violation } from "./history.ts";
import { answersIn, conversationOf, type ModelCall } from "./model-calls.ts";

export const answer = (text: string): string => `${text}: one two three`;
export const inputOf = (seq: number): Input => ({
  by: "ann",
  producer: "p",
  seq,
  origin: "user",
  at: seq,
  text: `say ${seq}`,
});
/** A turn of one step, which says `text`. */
export const turnOf = (turn: number, inputs: Input[], text: string): Turn => ({
  turn,
  origin: "user",
  inputs,
  steps: [{ step: 1, attempt: 1, parts: text === "" ? [] : [{ type: "text", text }] }],
  outcome: "completed",
  finish: "stop",
});
/** What a turn of one step says. */
export const stepOf = (text: string): Pick<Turn, "steps"> => ({ steps: turnOf(1, [], text).steps });
export const sentInput = (seq: number, durable = true): SentEvent => ({
  session: "s",
  producer: "p",
  seq,
  text: `say ${seq}`,
  kind: "input",
  at: seq,
  durable,
});
export const sentObserve = (seq: number, durable = true): SentEvent => ({
  ...sentInput(seq, durable),
  kind: "observe",
  text: "looks",
});

/** The call whose answer is the last turn's. */
export function callOf(turns: readonly Turn[], text: string, isWhole = true): ModelCall {
  return { messages: conversationOf(turns.slice(0, -1), turns.at(-1)?.inputs ?? []), text, isWhole };
}

/** Two inputs, two turns, one reader from the beginning: all as it should be. */
export function sound(): History {
  const turns = [1, 2].map((turn) => turnOf(turn, [inputOf(turn)], answer(`say ${turn}`)));
  const truth: Snapshot = { version: 4, agent: "a", state: { n: 2 }, turns, running: null, applied: { "ann/p": 2 } };
  const empty: Snapshot = { version: 0, agent: "a", state: {}, turns: [], running: null, applied: {} };
  const frames: Frame[] = [{ type: "snapshot", id: "0", snapshot: empty }];
  const chain = (id: number) => ({ id: `${id}`, prev: `${id - 1}` });
  for (const turn of [1, 2]) {
    const at = (turn - 1) * 4;
    const fence = { turn, step: 1, attempt: 1 };
    const text = answer(`say ${turn}`);
    frames.push(
      {
        type: "turn.started",
        ...chain(at + 1),
        version: turn * 2 - 1,
        turn,
        agent: "a",
        origin: "user",
        inputs: [inputOf(turn)],
        applied: { "ann/p": turn },
      },
      { type: "delta", ...chain(at + 2), ...fence, index: 1, at: 0, begins: "text", text: text.slice(0, 5) },
      { type: "delta", ...chain(at + 3), ...fence, index: 2, at: 0, text: text.slice(5) },
      {
        type: "turn.ended",
        ...chain(at + 4),
        version: turn * 2,
        turn,
        outcome: "completed",
        finish: "stop",
        step: 1,
        attempt: 1,
        index: 2,
        patch: [{ op: "add", path: "/n", value: turn }],
      },
    );
  }
  const reader: ReaderRecord = {
    name: "r",
    session: "s",
    frames: frames.map((frame, at) => ({ at, frame })),
    final: truth,
  };
  const sent = [1, 2].map((seq) => sentInput(seq));
  const modelCalls = [1, 2].map((turn) => callOf(turns.slice(0, turn), answer(`say ${turn}`)));
  return {
    sent,
    transcripts: new Map([["s", truth]]),
    readers: [reader],
    modelCalls,
    answers: answersIn(modelCalls),
    interrupts: [],
    hangs: [],
  };
}

/** What the checker says of a sound history in which something was made wrong. */
export function promisesBroken(
  corrupt: (history: History, truth: Snapshot, reader: ReaderRecord) => void,
): Violation["promise"][] {
  const history = structuredClone({ ...sound(), answers: undefined });
  const whole: History = { ...history, answers: (question) => answersIn(history.modelCalls)(question) };
  const [truth] = whole.transcripts.values();
  const [reader] = whole.readers;
  if (truth === undefined || reader === undefined) throw new Error("there is nothing to corrupt");
  corrupt(whole, truth, reader);
  return [...new Set(check(whole).map(({ promise }) => promise))].toSorted();
}
