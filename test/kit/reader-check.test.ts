import { type Frame, runningTurn, type Snapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import { answer, inputOf, promisesBroken, stepOf, turnOf } from "./sound-history.ts";

/** What a reader was given in the middle of its frames, before all went on as it should. */
const shownOnTheWay = (snapshot: Partial<Snapshot>) =>
  promisesBroken((_, truth, reader) => {
    const [started, ...rest] = reader.frames.slice(5);
    const before: Snapshot = {
      ...truth,
      version: 2,
      turns: truth.turns.slice(0, 1),
      applied: { "ann/p": 1 },
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
  const other = turnOf(1, [inputOf(1)], "another answer");
  expect(shownOnTheWay({ turns: [other] })).toEqual(["retracted"]);
  expect(
    shownOnTheWay({ turns: [{ ...other, ...stepOf(answer("say 1")), outcome: "interrupted", finish: "interrupted" }] }),
  ).toEqual(["retracted"]);
});

test("turn-2: a turn shown as completed never was", () => {
  const never = turnOf(3, [inputOf(3)], answer("say 3"));
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
  expect(shownOnTheWay({ applied: { "ann/p": 1, "ann/q": 4 } })).toEqual(["retracted"]);
});

test("turn-1: an input shown in a turn is in another one", () => {
  const running = runningTurn({ turn: 2, origin: "user", inputs: [inputOf(7)] });
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
  expect(broken).toEqual(["diverged", "garbled", "retracted"]);
});

/** A frame that is chained like any other, after the first turn's first delta. */
const writtenBetween = (more: { attempt: number; index: number }, next: { attempt: number }) =>
  promisesBroken((_, __, reader) => {
    const [before, after] = [reader.frames.slice(0, 3), reader.frames.slice(3)];
    const frame: Frame = { type: "delta", id: "2b", prev: "2", turn: 1, step: 1, at: 0, text: "x", ...more };
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
    if (ended?.type === "turn.ended") ended.patch = [{ op: "replace", path: "/a/b", value: 1 }];
  });
  expect(broken).toEqual(["diverged", "gap"]);
});

/** The second turn failed when all of it, or a beginning, had been shown; `kept`: what its end has of it. */
const failedWith = (kept: string) =>
  promisesBroken((history, truth, reader) => {
    history.turnsMayFail = true;
    const turn = truth.turns[1];
    const end = reader.frames.pop()?.frame;
    if (turn === undefined || end?.type !== "turn.ended") throw new Error("The second turn has no end.");
    const failure = { outcome: "failed", error: { code: "turn_deadline", message: "Too late." } } as const;
    const { steps } = stepOf(kept);
    Object.assign(turn, { ...failure, steps });
    reader.frames.push({ at: 8, frame: { ...end, ...failure, parts: steps.flatMap(({ parts }) => parts) } });
  });

test("turn-5: a failed turn that keeps what it had said is no broken promise", () => {
  expect(failedWith(answer("say 2"))).toEqual([]);
});

test("turn-5: a failed turn takes from a reader what it had been shown", () => {
  expect(failedWith("")).toEqual(["retracted"]);
  expect(failedWith(answer("say 2").slice(0, 5))).toEqual(["retracted"]);
});
