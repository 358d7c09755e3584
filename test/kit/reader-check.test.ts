import { type Frame, runningTurn, type Snapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import { answer, type Corrupt, givenAtLast, inputOf, promisesBroken, stepOf, turnOf } from "./sound-history.ts";

/** What a reader was given in the middle of its frames, before all went on as it should. */
const onTheWay =
  (wrong: Partial<Snapshot>): Corrupt =>
  (_, truth, reader) => {
    const right = { version: 2, turns: truth.turns.slice(0, 1), applied: { "ann/p": 1 }, state: { n: 1 } };
    const shown = [
      { ...truth, ...right, ...wrong },
      { ...truth, ...right },
    ].map((snapshot, index) => {
      const frame: Frame = { type: "snapshot", id: "4", snapshot };
      return { at: 4 + index, frame };
    });
    reader.frames.splice(5, 0, ...shown);
  };

/** A frame that is chained like any other, after the first turn's first delta. */
const writtenBetween =
  (more: { attempt: number; index: number }, next: { attempt: number }): Corrupt =>
  (_, __, reader) => {
    const frame: Frame = { type: "delta", id: "2b", prev: "2", turn: 1, step: 1, at: 0, text: "x", ...more };
    for (const { frame: delta } of reader.frames) {
      if (delta.type === "delta" && delta.turn === 1) delta.attempt = next.attempt;
      if (delta.type === "delta" && delta.id === "3") delta.prev = "2b";
    }
    reader.frames.splice(3, 0, { at: 2, frame });
  };

/** The second turn failed when all of it had been shown; `kept`: what its end has of it. */
const failedWith =
  (kept: string): Corrupt =>
  (history, truth, reader) => {
    history.turnsMayFail = true;
    const turn = truth.turns[1];
    const end = reader.frames.pop()?.frame;
    if (turn === undefined || end?.type !== "turn.ended") throw new Error("The second turn has no end.");
    const failure = { outcome: "failed", error: { code: "turn_deadline", message: "Too late." } } as const;
    const { steps } = stepOf(kept);
    Object.assign(turn, { ...failure, steps });
    reader.frames.push({ at: 8, frame: { ...end, ...failure, parts: steps.flatMap(({ parts }) => parts) } });
  };

const other = turnOf(1, [inputOf(1)], "another answer");
const cut = { ...other, ...stepOf(answer("say 1")), outcome: "interrupted", finish: "interrupted" } as const;
const running = runningTurn({ turn: 2, origin: "user", inputs: [inputOf(7)] });

test.for<[what: string, broken: string[], corrupt: Corrupt]>([
  ["a snapshot on the way is no broken promise", [], onTheWay({})],
  ["turn-2: a turn shown as completed is taken back", ["retracted"], onTheWay({ turns: [other] })],
  ["turn-2: a turn shown as interrupted is taken back", ["retracted"], onTheWay({ turns: [cut] })],
  [
    "turn-2: a turn shown as completed never was",
    ["retracted"],
    (_, truth, reader) => {
      const never = turnOf(3, [inputOf(3)], answer("say 3"));
      givenAtLast(reader, { ...truth, version: 6, turns: [...truth.turns, never] }, "9");
      givenAtLast(reader, truth);
    },
  ],
  ["a version goes back", ["retracted"], onTheWay({ version: 7 })],
  ["ack-2: an input shown as applied is in no turn", ["retracted"], onTheWay({ applied: { "ann/p": 1, "ann/q": 4 } })],
  ["turn-1: an input shown in a turn is in another one", ["retracted"], onTheWay({ running, version: 3 })],
  ["frame-2: two states under one version", ["diverged"], onTheWay({ state: { n: 5 } })],
  [
    "chain-2: two readers are given different frames under one id",
    ["diverged", "garbled", "retracted"],
    ({ readers }, _, reader) => {
      const twin = { ...structuredClone(reader), name: "r2" };
      const delta = twin.frames[2]?.frame;
      if (delta?.type === "delta") delta.text = "";
      readers.push(twin);
    },
  ],
  [
    "frame-4: an attempt wrote after it was overtaken",
    ["garbled"],
    writtenBetween({ attempt: 1, index: 2 }, { attempt: 2 }),
  ],
  ["frame-4: a delta is in the log twice", ["duplicated"], writtenBetween({ attempt: 1, index: 1 }, { attempt: 1 })],
  [
    "frame-3: a patch that does not fit what the reader holds is a gap",
    ["diverged", "gap"],
    (_, __, { frames }) => {
      const ended = frames.at(-1)?.frame;
      if (ended?.type === "turn.ended") ended.patch = [{ op: "replace", path: "/a/b", value: 1 }];
    },
  ],
  ["turn-5: a failed turn that keeps what it had said breaks nothing", [], failedWith(answer("say 2"))],
  ["turn-5: a failed turn takes from a reader what it had been shown", ["retracted"], failedWith("")],
  ["turn-5: or the most of it", ["retracted"], failedWith(answer("say 2").slice(0, 5))],
])("%s", ([, broken, corrupt]) => {
  expect(promisesBroken(corrupt)).toEqual(broken);
});
