import { runningTurn, type Snapshot, type Turn } from "@holdfast/contract";
import { expect, test } from "vitest";
import { check } from "./checker.ts";
import type { History } from "./history.ts";
import type { Message } from "./model-calls.ts";
import {
  answer,
  callOf,
  type Corrupt,
  givenAtLast,
  inputOf,
  promisesBroken,
  sawOnly,
  sentInput,
  sentObserve,
  sound,
  stepOf,
  turnOf,
} from "./sound-history.ts";

test("a sound history breaks no promise", () => {
  expect(check(sound())).toEqual([]);
});

const change = <T extends object>(part: T | undefined, members: Partial<T>): void => {
  if (part === undefined) throw new Error("There is nothing to change.");
  Object.assign(part, members);
};
const inTwoTurns: Corrupt = (_, truth, reader) => {
  truth.turns.push(turnOf(3, [inputOf(2)], answer("say 2")));
  reader.final = truth;
};

/** The first turn came to another end, and everybody was told so. */
const endedAs =
  (outcome: "interrupted" | "failed", allow: Partial<History> = {}): Corrupt =>
  (history, truth, reader) => {
    const error = outcome === "failed" ? { error: { code: "model_unavailable", message: "no" } } : {};
    change(truth.turns[0], { outcome, ...error });
    sawOnly(reader, truth);
    Object.assign(history, allow);
  };

/** The last turn was asked in other words, too. */
const askedAlso =
  (other: (messages: readonly Message[]) => Message[]): Corrupt =>
  ({ modelCalls }) => {
    const [last] = modelCalls.slice(-1);
    modelCalls.push({ text: "", isWhole: false, ...last, messages: other(last?.messages ?? []) });
  };

/** The first turn was asked twice, and answered in other words each time. */
const askedTwice =
  (first: { text: string; isWhole: boolean }, committed: "the first" | "the second"): Corrupt =>
  ({ modelCalls }, truth, reader) => {
    modelCalls.unshift(callOf(truth.turns.slice(0, 1), first.text, first.isWhole));
    if (committed === "the second") return;
    change<Turn>(truth.turns[0], stepOf(first.text));
    modelCalls.splice(2, 1, callOf(truth.turns, answer("say 2")));
    sawOnly(reader, truth);
  };

/** Its workflow keeps one turn; the one before was told on the way. */
const longSession =
  (first: string, frames: "all" | "newest"): Corrupt =>
  (history, truth, reader) => {
    const [one, two] = truth.turns;
    if (one === undefined || two === undefined) throw new Error("There are not two turns.");
    history.told = [one, { ...one, ...stepOf(first) }, two].map((turn) => ({ session: "s", turn }));
    const newest: Snapshot = { ...truth, turns: [two] };
    history.transcripts.set("s", newest);
    reader.final = frames === "newest" ? newest : truth;
    givenAtLast(reader, reader.final);
  };

/** A checker that finds nothing proves nothing: each of these histories breaks one promise, and it must say which. */
test.for<[what: string, broken: string[], corrupt: Corrupt]>([
  ["ack-1: a durable input is in no turn", ["lost"], ({ sent }) => sent.push(sentInput(3))],
  ["an input that was never told durable may be missing", [], ({ sent }) => sent.push(sentInput(3, false))],
  ["ack-1: a durable observe the agent never counted", ["lost"], ({ sent }) => sent.push(sentObserve(3))],
  ["an observe that was never told durable may be missing", [], ({ sent }) => sent.push(sentObserve(3, false))],
  [
    "send-3: an observe the agent counted twice",
    ["diverged", "duplicated"],
    ({ sent }, truth) => {
      sent.push(sentObserve(3));
      truth.state = { ...truth.state, observed: [{ name: "looks", count: 2 }] };
    },
  ],
  ["send-2: no dedupe: an input is in two turns", ["diverged", "duplicated", "invented"], inTwoTurns],
  [
    "send-2: an input nobody was told is durable, in two turns",
    ["diverged", "duplicated", "invented"],
    (history, truth, reader) => {
      for (const input of history.sent) input.durable = false;
      inTwoTurns(history, truth, reader);
    },
  ],
  [
    "turn-1: inputs of a producer out of order",
    ["diverged", "invented", "reordered", "retracted"],
    (_, { turns }) => {
      for (const [index, seq] of [2, 1].entries())
        change(turns[index], turnOf(index + 1, [inputOf(seq)], answer(`say ${seq}`)));
    },
  ],
  [
    "turn-4: half an answer",
    ["diverged", "garbled", "invented", "retracted"],
    (_, { turns }) => change<Turn>(turns[0], stepOf("say 1: one")),
  ],
  ["turn-2: a fault that passed has failed a turn", ["lost"], endedAs("failed")],
  ["a fault that lasted may fail a turn", [], endedAs("failed", { turnsMayFail: true })],
  ["command-2: a turn is interrupted, which nobody asked for", ["invented"], endedAs("interrupted")],
  ["or in another session", ["invented"], endedAs("interrupted", { interrupts: ["another"] })],
  ["a turn is interrupted as somebody asked", [], endedAs("interrupted", { interrupts: ["s"] })],
  [
    "chain-3: a frame that never came, and nothing that healed it",
    ["diverged", "gap"],
    (_, __, { frames }) => frames.splice(7, 1),
  ],
  [
    "a missing frame healed by a snapshot is no broken promise",
    [],
    (_, truth, reader) => {
      reader.frames.splice(7, 1);
      givenAtLast(reader, truth);
    },
  ],
  [
    // A reader keeps to the end what it was given.
    "frame-5: text of a superseded attempt left on the screen",
    ["diverged", "garbled", "retracted"],
    (_, __, { frames }) => {
      const delta = frames[3]?.frame;
      if (delta?.type === "delta") delta.text = ` one one${delta.text}`;
    },
  ],
  [
    "a reader ends with what the workflow does not have",
    ["diverged"],
    (_, truth, reader) => {
      reader.final = structuredClone(truth);
      change<Turn>(reader.final.turns[0], stepOf("something else"));
    },
  ],
  ["a reader that stands still", ["diverged"], (_, __, reader) => (reader.final = { ...reader.final, version: 3 })],
  ["what did not come to rest", ["hang"], ({ hangs }) => hangs.push("p#3 is not durable")],
  ["a process that ended by itself", ["crash"], (history) => (history.crashes = ["edge-1 ended by itself"])],
  ["ack-1: a workflow that does not answer has lost what was durable", ["lost"], (of) => of.transcripts.clear()],
  [
    "turn-2: a turn still under way when everything has come to rest",
    ["hang"],
    (_, truth, reader) => {
      truth.running = runningTurn({ turn: 3, origin: "user", inputs: [] });
      givenAtLast(reader, truth);
    },
  ],
  ["an answer the model was not asked for", ["garbled", "invented"], ({ modelCalls }) => modelCalls.pop()],
  ["a question nobody put", ["invented"], askedAlso(() => [{ role: "user", content: "say 3" }])],
  ["asking the model again is no broken promise", [], askedAlso((messages) => [...messages])],
  ["the model is asked without what was said before", ["invented"], askedAlso((messages) => messages.slice(2))],
  [
    "the model is asked what was said in another order",
    ["invented"],
    askedAlso((messages) => messages.toSpliced(0, 2, ...messages.slice(0, 2).toReversed())),
  ],
  [
    "a completed turn was asked only without what was said before",
    ["invented"],
    (history, truth, reader) => {
      askedAlso((messages) => messages.slice(-1))(history, truth, reader);
      history.modelCalls.splice(-2, 1);
    },
  ],
  ["turn-4: a turn is one attempt's answer", [], askedTwice({ text: "something else", isWhole: true }, "the second")],
  ["turn-4: whichever attempt's", [], askedTwice({ text: "something else", isWhole: true }, "the first")],
  ["turn-4: and all of it", ["garbled"], askedTwice({ text: "something", isWhole: false }, "the first")],
  [
    // A reader keeps to the end what it was given.
    "turn-4: a turn goes on in another attempt's words",
    ["diverged", "garbled", "retracted"],
    ({ modelCalls }, truth, { frames }) => {
      modelCalls.unshift(callOf(truth.turns.slice(0, 1), "say 1 in other words"));
      for (const [nth, text] of [[2, "say 1:"] as const, [3, " in other words"] as const]) {
        const delta = frames[nth]?.frame;
        if (delta?.type === "delta") delta.text = text;
      }
    },
  ],
  ["snap-2: more turns than a snapshot keeps", [], longSession(answer("say 1"), "newest")],
  ["snap-2: more turns than a snapshot keeps, in a reader", [], longSession(answer("say 1"), "all")],
  [
    "turn-2: the workflow itself gives another account of a turn",
    ["garbled", "invented", "retracted"],
    longSession("say 1: one two", "newest"),
  ],
  [
    "an input of a turn nobody was told of is lost",
    ["garbled", "invented", "lost", "retracted"],
    (history, truth) => history.transcripts.set("s", { ...truth, turns: truth.turns.slice(1) }),
  ],
])("%s", ([, broken, corrupt]) => {
  expect(promisesBroken(corrupt)).toEqual(broken);
});
