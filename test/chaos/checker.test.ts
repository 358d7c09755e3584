import type { Frame, Snapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import { check, type Violation } from "./checker.ts";
import type { History, ReaderRecord, SentEvent } from "./history.ts";

/** A checker that finds nothing proves nothing: each of these histories breaks one promise, and it must say which. */
const answer = (text: string): string => `${text}: one two three`;
const inputOf = (seq: number) => ({ producer: "p", seq, text: `say ${seq}` });
const sentInput = (seq: number, durable = true): SentEvent => ({
  session: "s",
  ...inputOf(seq),
  kind: "input",
  at: seq,
  durable,
});
const sentObserve = (seq: number, durable = true): SentEvent => ({
  ...sentInput(seq, durable),
  kind: "observe",
  text: "looks",
});

/** Two inputs, two turns, one reader from the beginning: all as it should be. */
function sound(): History {
  const turns = [1, 2].map((turn) => ({
    turn,
    inputs: [inputOf(turn)],
    outcome: "completed" as const,
    text: answer(`say ${turn}`),
  }));
  const truth: Snapshot = { version: 4, agent: "a", state: { n: 2 }, turns, running: null, applied: { p: 2 } };
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
        inputs: [inputOf(turn)],
        applied: { p: turn },
      },
      { type: "delta", ...chain(at + 2), ...fence, index: 1, text: text.slice(0, 5) },
      { type: "delta", ...chain(at + 3), ...fence, index: 2, text: text.slice(5) },
      {
        type: "turn.completed",
        ...chain(at + 4),
        version: turn * 2,
        turn,
        text,
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
  const modelCalls = sent.map(({ text }) => ({ text }));
  return {
    sent,
    transcripts: new Map([["s", truth]]),
    readers: [reader],
    modelCalls,
    answer,
    interrupts: [],
    hangs: [],
  };
}

function promisesBroken(
  corrupt: (history: History, truth: Snapshot, reader: ReaderRecord) => void,
): Violation["promise"][] {
  const history = structuredClone({ ...sound(), answer: undefined });
  const whole: History = { ...history, answer };
  const [truth] = whole.transcripts.values();
  const [reader] = whole.readers;
  if (truth === undefined || reader === undefined) throw new Error("there is nothing to corrupt");
  corrupt(whole, truth, reader);
  return [...new Set(check(whole).map(({ promise }) => promise))].toSorted();
}

test("a sound history breaks no promise", () => {
  expect(check(sound())).toEqual([]);
});

test("ack before the signal returned: a durable input is in no turn", () => {
  expect(promisesBroken((history) => history.sent.push(sentInput(3)))).toEqual(["lost"]);
});

test("an input that was never told durable may be missing", () => {
  expect(promisesBroken((history) => history.sent.push(sentInput(3, false)))).toEqual([]);
});

test("a durable observe the agent never counted, and one it counted twice", () => {
  expect(promisesBroken((history) => history.sent.push(sentObserve(3)))).toEqual(["lost"]);
  expect(promisesBroken((history) => history.sent.push(sentObserve(3, false)))).toEqual([]);
  const broken = promisesBroken((history, truth) => {
    history.sent.push(sentObserve(3));
    truth.state = { ...truth.state, observed: [{ name: "looks", count: 2 }] };
  });
  expect(broken).toContain("duplicated");
});

test("no dedupe: an input is in two turns", () => {
  const broken = promisesBroken((_, truth, reader) => {
    truth.turns.push({ turn: 3, inputs: [inputOf(2)], outcome: "completed", text: answer("say 2") });
    reader.final = truth;
  });
  expect(broken).toContain("duplicated");
});

test("inputs of a producer out of order", () => {
  const broken = promisesBroken((_, truth) => {
    for (const [index, seq] of [2, 1].entries()) {
      const turn = truth.turns[index];
      if (turn) Object.assign(turn, { inputs: [inputOf(seq)], text: answer(`say ${seq}`) });
    }
  });
  expect(broken).toContain("reordered");
});

test("a turn with half an answer", () => {
  expect(promisesBroken((_, truth) => void (truth.turns[0] && (truth.turns[0].text = "say 1: one")))).toContain(
    "garbled",
  );
});

/** The first turn came to another end, and everybody was told so. */
const endedAs = (outcome: "interrupted" | "failed", allow: Partial<History> = {}) =>
  promisesBroken((history, truth, reader) => {
    const error = outcome === "failed" ? { code: "model_unavailable", message: "no" } : undefined;
    for (const turn of truth.turns.slice(0, 1)) Object.assign(turn, { outcome, ...(error && { error }) });
    reader.frames = [{ at: 1, frame: { type: "snapshot", id: "8", snapshot: structuredClone(truth) } }];
    reader.final = truth;
    Object.assign(history, allow);
  });

test("turn-2: a fault that passed has failed a turn", () => {
  expect(endedAs("failed")).toEqual(["lost"]);
  expect(endedAs("failed", { turnsMayFail: true })).toEqual([]);
});

test("command-2: a turn is interrupted, which nobody asked for in this session", () => {
  expect(endedAs("interrupted")).toEqual(["invented"]);
  expect(endedAs("interrupted", { interrupts: ["another"] })).toEqual(["invented"]);
  expect(endedAs("interrupted", { interrupts: ["s"] })).toEqual([]);
});

test("a frame that never came, and nothing that healed it", () => {
  expect(promisesBroken((_, __, reader) => void reader.frames.splice(7, 1))).toContain("gap");
});

test("a missing frame healed by a snapshot is no broken promise", () => {
  const broken = promisesBroken((_, truth, reader) => {
    reader.frames.splice(7, 1);
    reader.frames.push({ at: 99, frame: { type: "snapshot", id: "8", snapshot: truth } });
  });
  expect(broken).toEqual([]);
});

test("text of a superseded attempt left on the screen", () => {
  const broken = promisesBroken((_, __, reader) => {
    const delta = reader.frames[3]?.frame;
    if (delta?.type === "delta") delta.text = ` one one${delta.text}`;
  });
  expect(broken).toEqual(["garbled"]);
});

test("published before it was committed: a reader ends with what the workflow does not have", () => {
  const broken = promisesBroken((_, __, reader) => {
    const [first] = reader.final.turns;
    if (first) first.text = "something else";
  });
  expect(broken).toContain("diverged");
});

test("a reader that stands still", () => {
  expect(promisesBroken((_, __, reader) => void (reader.final = { ...reader.final, version: 3 }))).toEqual([
    "diverged",
  ]);
  expect(promisesBroken((history) => void history.hangs.push("p#3 is not durable"))).toEqual(["hang"]);
});

test("ack-1: a session whose workflow does not answer has lost what was durable", () => {
  expect(promisesBroken((history) => history.transcripts.clear())).toEqual(["lost"]);
});

test("an input nobody was told is durable, in two turns", () => {
  const broken = promisesBroken((history, truth, reader) => {
    for (const input of history.sent) input.durable = false;
    truth.turns.push({ turn: 3, inputs: [inputOf(2)], outcome: "completed", text: answer("say 2") });
    reader.final = truth;
  });
  expect(broken).toContain("duplicated");
});

test("turn-2: a turn still under way when everything has come to rest", () => {
  const broken = promisesBroken((_, truth, reader) => {
    truth.running = { turn: 3, inputs: [], step: 1, attempt: 1, index: 0, text: "" };
    reader.frames.push({ at: 9, frame: { type: "snapshot", id: "8", snapshot: structuredClone(truth) } });
  });
  expect(broken).toEqual(["hang"]);
});

test("an answer the model was not asked for, and a question nobody put", () => {
  expect(promisesBroken((history) => void history.modelCalls.pop())).toEqual(["invented"]);
  expect(promisesBroken((history) => history.modelCalls.push({ text: "say 3" }))).toEqual(["invented"]);
});

test("asking the model again, or with what was said before, is no broken promise", () => {
  expect(promisesBroken((history) => history.modelCalls.push({ text: "say 1" }, { text: "say 1\n\nsay 2" }))).toEqual(
    [],
  );
});

/** What a reader was given in the middle of its frames, before all went on as it should. */
const shownOnTheWay = (snapshot: Partial<Snapshot>) =>
  promisesBroken((_, truth, reader) => {
    const [started, ...rest] = reader.frames.slice(5);
    const before: Snapshot = {
      ...truth,
      version: 2,
      turns: truth.turns.slice(0, 1),
      applied: { p: 1 },
      state: { n: 1 },
    };
    const frame: Frame = { type: "snapshot", id: "4", snapshot: { ...before, ...snapshot } };
    const healed: Frame = { type: "snapshot", id: "4", snapshot: before };
    reader.frames = [...reader.frames.slice(0, 5), { at: 4, frame }, { at: 5, frame: healed }];
    if (started) reader.frames.push(started, ...rest);
  });

test("a snapshot on the way is no broken promise", () => {
  expect(shownOnTheWay({})).toEqual([]);
});

test("turn-2: published before it was committed: a turn shown as completed is taken back", () => {
  const other = { turn: 1, inputs: [inputOf(1)], outcome: "completed" as const, text: "another answer" };
  expect(shownOnTheWay({ turns: [other] })).toEqual(["retracted"]);
  expect(shownOnTheWay({ turns: [{ ...other, text: answer("say 1"), outcome: "interrupted" }] })).toEqual([
    "retracted",
  ]);
});

test("turn-2: a turn shown as completed never was", () => {
  const never = { turn: 3, inputs: [inputOf(3)], outcome: "completed" as const, text: answer("say 3") };
  expect(
    promisesBroken((_, truth, reader) => {
      const snapshot: Snapshot = { ...truth, version: 6, turns: [...truth.turns, never] };
      reader.frames.push({ at: 9, frame: { type: "snapshot", id: "9", snapshot } });
      reader.frames.push({ at: 10, frame: { type: "snapshot", id: "8", snapshot: truth } });
    }),
  ).toEqual(["retracted"]);
});

test("a version goes back", () => {
  expect(shownOnTheWay({ version: 7 })).toEqual(["retracted"]);
});

test("ack-2: an input shown as applied is in no turn", () => {
  expect(shownOnTheWay({ applied: { p: 1, q: 4 } })).toEqual(["retracted"]);
});

test("turn-1: an input shown in a turn is in another one", () => {
  const running = { turn: 2, inputs: [inputOf(7)], step: 1, attempt: 1, index: 0, text: "" };
  expect(shownOnTheWay({ running, version: 3 })).toContain("retracted");
});

test("frame-2: two states under one version", () => {
  expect(shownOnTheWay({ state: { n: 5 } })).toEqual(["diverged"]);
});

test("chain-2: two readers are given different frames under one id", () => {
  const broken = promisesBroken((history, _, reader) => {
    const other = structuredClone(reader);
    const delta = other.frames[2]?.frame;
    if (delta?.type === "delta") delta.text = "";
    history.readers.push({ ...other, name: "r2" });
  });
  expect(broken).toEqual(["diverged", "garbled"]);
});

/** A frame that is chained like any other, after the first turn's first delta. */
const writtenBetween = (more: { attempt: number; index: number }, next: { attempt: number }) =>
  promisesBroken((_, __, reader) => {
    const [before, after] = [reader.frames.slice(0, 3), reader.frames.slice(3)];
    const frame: Frame = { type: "delta", id: "2b", prev: "2", turn: 1, step: 1, text: "x", ...more };
    for (const { frame: delta } of [...before, ...after]) {
      if (delta.type === "delta" && delta.turn === 1) delta.attempt = next.attempt;
      if (delta.type === "delta" && delta.id === "3") delta.prev = "2b";
    }
    reader.frames = [...before, { at: 2, frame }, ...after];
  });

test("frame-4: an attempt wrote after it was overtaken", () => {
  expect(writtenBetween({ attempt: 1, index: 2 }, { attempt: 2 })).toEqual(["garbled"]);
});

test("frame-4: a delta is in the log twice", () => {
  expect(writtenBetween({ attempt: 1, index: 1 }, { attempt: 1 })).toEqual(["duplicated"]);
});

test("frame-3: a patch that does not fit what the reader holds is a gap", () => {
  const broken = promisesBroken((_, __, reader) => {
    const ended = reader.frames.at(-1)?.frame;
    if (ended?.type === "turn.completed") ended.patch = [{ op: "replace", path: "/a/b", value: 1 }];
  });
  expect(broken).toEqual(["diverged", "gap"]);
});
