import { runningTurn, type Snapshot } from "@holdfast/contract";
import { expect, test } from "vitest";
import { check } from "./checker.ts";
import type { History } from "./history.ts";
import type { Message, ModelCall } from "./model-calls.ts";
import {
  answer,
  callOf,
  inputOf,
  promisesBroken,
  sentInput,
  sentObserve,
  sound,
  stepOf,
  turnOf,
} from "./sound-history.ts";

/** A checker that finds nothing proves nothing: each of these histories breaks one promise, and it must say which. */
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
    truth.turns.push(turnOf(3, [inputOf(2)], answer("say 2")));
    reader.final = truth;
  });
  expect(broken).toContain("duplicated");
});

test("inputs of a producer out of order", () => {
  const broken = promisesBroken((_, truth) => {
    for (const [index, seq] of [2, 1].entries()) {
      const turn = truth.turns[index];
      if (turn) Object.assign(turn, turnOf(turn.turn, [inputOf(seq)], answer(`say ${seq}`)));
    }
  });
  expect(broken).toContain("reordered");
});

test("a turn with half an answer", () => {
  expect(
    promisesBroken((_, truth) => void (truth.turns[0] && Object.assign(truth.turns[0], stepOf("say 1: one")))),
  ).toContain("garbled");
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
  // A reader keeps to the end what it was given.
  expect(broken).toEqual(["diverged", "garbled", "retracted"]);
});

test("published before it was committed: a reader ends with what the workflow does not have", () => {
  const broken = promisesBroken((_, __, reader) => {
    const [first] = reader.final.turns;
    if (first) Object.assign(first, stepOf("something else"));
  });
  expect(broken).toContain("diverged");
});

test("a reader that stands still", () => {
  expect(promisesBroken((_, __, reader) => void (reader.final = { ...reader.final, version: 3 }))).toEqual([
    "diverged",
  ]);
  expect(promisesBroken((history) => void history.hangs.push("p#3 is not durable"))).toEqual(["hang"]);
});

test("a process that ended by itself", () => {
  expect(promisesBroken((history) => void (history.crashes = ["edge-1 ended by itself: exit code 1"]))).toEqual([
    "crash",
  ]);
});

test("ack-1: a session whose workflow does not answer has lost what was durable", () => {
  expect(promisesBroken((history) => history.transcripts.clear())).toEqual(["lost"]);
});

test("an input nobody was told is durable, in two turns", () => {
  const broken = promisesBroken((history, truth, reader) => {
    for (const input of history.sent) input.durable = false;
    truth.turns.push(turnOf(3, [inputOf(2)], answer("say 2")));
    reader.final = truth;
  });
  expect(broken).toContain("duplicated");
});

test("turn-2: a turn still under way when everything has come to rest", () => {
  const broken = promisesBroken((_, truth, reader) => {
    truth.running = runningTurn({ turn: 3, origin: "user", inputs: [] });
    reader.frames.push({ at: 9, frame: { type: "snapshot", id: "8", snapshot: structuredClone(truth) } });
  });
  expect(broken).toEqual(["hang"]);
});

test("an answer the model was not asked for, and a question nobody put", () => {
  expect(promisesBroken((history) => void history.modelCalls.pop())).toContain("invented");
  const more = (call: ModelCall) => promisesBroken((history) => void history.modelCalls.push(call));
  expect(more({ messages: [{ role: "user", content: "say 3" }], text: "", isWhole: false })).toEqual(["invented"]);
});

test("asking the model again is no broken promise", () => {
  expect(promisesBroken(({ modelCalls }) => void modelCalls.push(...modelCalls))).toEqual([]);
});

test("the model is asked without what was said before, or with what was said in another order", () => {
  const asked = (change: (messages: readonly Message[]) => Message[]) =>
    promisesBroken(({ modelCalls }) => {
      const last = modelCalls.at(-1);
      if (last !== undefined) modelCalls.push({ ...last, messages: change(last.messages) });
    });
  expect(asked((messages) => messages.slice(2))).toEqual(["invented"]);
  expect(asked((messages) => messages.toSpliced(0, 2, ...messages.slice(0, 2).toReversed()))).toEqual(["invented"]);
  expect(asked((messages) => [...messages])).toEqual([]);
});

test("a completed turn was asked only without what was said before", () => {
  const broken = promisesBroken(({ modelCalls }) => {
    const last = modelCalls.pop();
    if (last !== undefined) modelCalls.push({ ...last, messages: last.messages.slice(-1) });
  });
  expect(broken).toEqual(["invented"]);
});

/** The first turn was asked twice, and answered in other words each time. */
const askedTwice = (first: { text: string; isWhole: boolean }, committed: "the first" | "the second" = "the second") =>
  promisesBroken((history, truth, reader) => {
    history.modelCalls.unshift(callOf(truth.turns.slice(0, 1), first.text, first.isWhole));
    if (committed === "the second") return;
    const [turn] = truth.turns;
    const [, second] = history.modelCalls.splice(1);
    if (turn === undefined || second === undefined) throw new Error("There are not two turns.");
    Object.assign(turn, stepOf(first.text));
    history.modelCalls.push(callOf(truth.turns.slice(0, 1), answer("say 1")), callOf(truth.turns, second.text));
    reader.frames = [{ at: 1, frame: { type: "snapshot", id: "8", snapshot: structuredClone(truth) } }];
    reader.final = truth;
  });

test("turn-4: a turn is one attempt's answer, whichever, and all of it", () => {
  expect(askedTwice({ text: "something else", isWhole: true })).toEqual([]);
  expect(askedTwice({ text: "something else", isWhole: true }, "the first")).toEqual([]);
  expect(askedTwice({ text: "something", isWhole: false }, "the first")).toEqual(["garbled"]);
});

test("turn-4: a turn goes on in another attempt's words", () => {
  const mixed = promisesBroken((history, truth, reader) => {
    history.modelCalls.unshift(callOf(truth.turns.slice(0, 1), "say 1 in other words"));
    const delta = reader.frames[3]?.frame;
    if (delta?.type === "delta") delta.text = " in other words";
    const again = reader.frames[2]?.frame;
    if (again?.type === "delta") again.text = "say 1:";
  });
  // A reader keeps to the end what it was given.
  expect(mixed).toEqual(["diverged", "garbled", "retracted"]);
});

/** Its workflow keeps one turn; the one before was told on the way. */
const longSession = (first: string, frames: "all" | "newest" = "all") =>
  promisesBroken((history, truth, reader) => {
    const [one, two] = truth.turns;
    if (one === undefined || two === undefined) throw new Error("There are not two turns.");
    history.told = [one, { ...one, ...stepOf(first) }, two].map((turn) => ({ session: "s", turn }));
    const newest: Snapshot = { ...truth, turns: [two] };
    history.transcripts.set("s", newest);
    const held: Snapshot = frames === "newest" ? newest : truth;
    reader.frames.push({ at: 9, frame: { type: "snapshot", id: "8", snapshot: structuredClone(held) } });
    reader.final = held;
  });

test("snap-2: a session of more turns than its snapshot keeps", () => {
  expect(longSession(answer("say 1"), "newest")).toEqual([]);
  expect(longSession(answer("say 1"))).toEqual([]);
});

test("turn-2: the workflow itself gives another account of a turn", () => {
  expect(longSession("say 1: one two", "newest")).toContain("retracted");
});

test("an input of a turn nobody was told of is lost", () => {
  const broken = promisesBroken((history, truth) => {
    history.transcripts.set("s", { ...truth, turns: truth.turns.slice(1) });
  });
  expect(broken).toContain("lost");
});
