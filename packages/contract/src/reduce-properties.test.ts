import fc from "fast-check";
import { expect, test } from "vitest";
import { type Frame, frameSchema, type GrowingFrame } from "./frames.ts";
import type { Json } from "./json.ts";
import type { Part } from "./parts.ts";
import { reduceFrame } from "./reduce.ts";
import { emptySnapshot, type Snapshot } from "./snapshot.ts";
import type { Input } from "./turn.ts";

/** What a session does, one after another; what cannot be done just then is passed over. */
type Action =
  | { do: "start"; inputs: number }
  | { do: "begin"; kind: "text" | "reasoning"; text: string }
  | { do: "grow"; text: string }
  | { do: "place"; part: Part; anew: boolean }
  | { do: "retry"; rewinds: boolean; lost: number }
  | { do: "end step" | "end turn"; given: boolean; value: Json }
  | { do: "ask"; open: number }
  | { do: "join" }
  | { do: "patch"; value: Json }
  | { do: "notice" };

const said = fc.string({ minLength: 1, maxLength: 6 });
const placedPart: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ type: fc.constant("data" as const), name: fc.constant("chart"), value: fc.integer() }),
  fc.record({
    type: fc.constant("tool" as const),
    call: fc.constant("1.1.0"),
    name: fc.constant("look"),
    state: fc.constantFrom("writing" as const, "running" as const, "done" as const),
  }),
);
const ends = { given: fc.boolean(), value: fc.integer() };
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("start" as const), inputs: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("begin" as const),
      kind: fc.constantFrom("text" as const, "reasoning" as const),
      text: said,
    }),
  },
  { weight: 9, arbitrary: fc.record({ do: fc.constant("grow" as const), text: said }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("place" as const), part: placedPart, anew: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("retry" as const), rewinds: fc.boolean(), lost: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("end step" as const), ...ends }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("end turn" as const), ...ends }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ask" as const), open: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("join" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("patch" as const), value: fc.integer() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("notice" as const) }) },
);
/** With an end, so that a reader who missed something has the occasion to find out. */
const actions = fc
  .array(action, { maxLength: 40, size: "max" })
  .map((some): Action[] => [...some, { do: "end turn", given: false, value: 0 }, { do: "patch", value: 1 }]);

/** A session that writes its frames down. It knows what it made on its own: by the actions, not by the reducer. */
class Writer {
  readonly frames: Frame[] = [];
  /** Parts of each step of each turn that has ended. */
  readonly turns: { inputs: number; steps: Part[][] }[] = [];
  #version = 0;
  #seq = 0;
  #turn: { inputs: number; steps: Part[][]; attempt: number; index: number; parts: Part[] } | undefined;

  act(action: Action): void {
    const turn = this.#turn;
    if (action.do === "patch") this.#put({ type: "state.patched", ...this.#versioned(), patch: set(action.value) });
    if (action.do === "notice") this.#put({ type: "notice", ...this.#chained(), name: "typing" });
    if (action.do === "start" && turn === undefined) this.#start(action.inputs);
    if (turn === undefined) return;
    const number = this.turns.length + 1;
    const step = turn.steps.length + 1;
    const growing = () => ({ ...this.#chained(), turn: number, step, attempt: turn.attempt, index: ++turn.index });
    switch (action.do) {
      case "begin": {
        const { kind: begins, text } = action;
        this.#put({ type: "delta", ...growing(), at: turn.parts.length, begins, text });
        turn.parts.push({ type: begins, text });
        break;
      }
      case "grow": {
        const last = turn.parts.at(-1);
        if (last === undefined || (last.type !== "text" && last.type !== "reasoning")) break;
        this.#put({ type: "delta", ...growing(), at: turn.parts.length - 1, text: action.text });
        turn.parts[turn.parts.length - 1] = { ...last, text: last.text + action.text };
        break;
      }
      case "place": {
        const at = action.anew || turn.parts.length === 0 ? turn.parts.length : turn.parts.length - 1;
        this.#put({ type: "part", ...growing(), at, part: action.part });
        turn.parts[at] = action.part;
        break;
      }
      case "retry":
        turn.attempt++;
        if (!action.rewinds) break;
        turn.index += action.lost;
        turn.parts = turn.parts.slice(0, action.lost);
        this.#put({ type: "rewind", ...growing(), parts: [...turn.parts] });
        break;
      case "end step":
        this.#put({ type: "step.ended", ...this.#versioned(), turn: number, step, ...this.#covers(action) });
        turn.steps.push(turn.parts);
        Object.assign(turn, { attempt: 1, parts: [] });
        break;
      case "end turn": {
        const outcome = { outcome: "completed", finish: "stop" } as const;
        this.#put({
          type: "turn.ended",
          ...this.#versioned(),
          turn: number,
          step,
          ...outcome,
          ...this.#covers(action),
        });
        this.turns.push({ inputs: turn.inputs, steps: [...turn.steps, turn.parts] });
        this.#turn = undefined;
        break;
      }
      case "ask": {
        const questions = Array.from({ length: action.open }, (_, i) => ({
          id: `q${i}`,
          title: "?",
          of: "owner" as const,
        }));
        this.#put({ type: "turn.waiting", ...this.#versioned(), turn: number, questions });
        break;
      }
      case "join":
        this.#put({ type: "inputs.joined", ...this.#versioned(), turn: number, ...this.#inputs(1) });
        turn.inputs++;
        break;
      case "start":
      case "patch":
      case "notice":
        break;
    }
  }

  #start(inputs: number): void {
    const turn = this.turns.length + 1;
    const begun = { turn, agent: "a", origin: "user" as const, ...this.#inputs(inputs) };
    this.#put({ type: "turn.started", ...this.#versioned(), ...begun });
    this.#turn = { inputs, steps: [], attempt: 1, index: 0, parts: [] };
  }

  #covers({ given, value }: { given: boolean; value: Json }) {
    const { attempt = 0, index = 0, parts = [] } = this.#turn ?? {};
    return { attempt, index, ...(given && { parts: [...parts] }), patch: set(value) };
  }

  #inputs(count: number) {
    const inputs = Array.from({ length: count }, (): Input => ({
      by: "ann",
      producer: "p",
      seq: ++this.#seq,
      origin: "user",
      at: 0,
      text: "?",
    }));
    return { inputs, applied: this.#seq === 0 ? {} : { "ann/p": this.#seq } };
  }

  #put(frame: Frame): void {
    this.frames.push(frozen(frameSchema.parse(frame)));
  }

  #versioned() {
    return { ...this.#chained(), version: ++this.#version };
  }

  #chained() {
    return { id: `${this.frames.length + 1}`, prev: `${this.frames.length}` };
  }
}

function set(value: Json) {
  return [{ op: "add" as const, path: "/value", value }];
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

function written(done: Action[]): Writer {
  const writer = new Writer();
  done.forEach((one) => writer.act(one));
  return writer;
}

/** What a reader holds after each of the frames, all of which must be taken. */
function read(frames: Frame[]): Snapshot[] {
  let held = frozen(emptySnapshot("a"));
  return frames.map((frame) => {
    const reduction = reduceFrame(held, frame);
    if (reduction.outcome !== "applied") throw new Error(`${reduction.outcome}: ${JSON.stringify(frame)}`);
    held = frozen(reduction.snapshot);
    return held;
  });
}

const asMade = (snapshot: Snapshot | undefined) =>
  snapshot?.turns.map(({ inputs, steps }) => ({ inputs: inputs.length, steps: steps.map(({ parts }) => parts) }));

const runs = { numRuns: 300 };

test("frame-2 … frame-6, grow-1, end-1, end-2: whatever a session does, a reader of its frames has the turns that it made", () => {
  fc.assert(
    fc.property(actions, (done) => {
      const { frames, turns } = written(done);
      const held = read(frames).at(-1);
      // What is older is shrunk, and proven elsewhere.
      expect(asMade(held)?.slice(-20)).toEqual(turns.slice(-20));
    }),
    runs,
  );
});

test("end-1: a reader ends with the same turns, whether ends bring their parts or not", () => {
  fc.assert(
    fc.property(actions, (done) => {
      const as = (given: boolean): Action[] => done.map((one) => ("given" in one ? { ...one, given } : one));
      expect(read(written(as(true)).frames)).toEqual(read(written(as(false)).frames));
    }),
    runs,
  );
});

test("chain-3, frame-2, grow-3, end-1: a reader that misses any frames finds out, or needed none of them", () => {
  const story = fc.tuple(actions, fc.infiniteStream(fc.nat(5)));
  fc.assert(
    fc.property(story, ([done, luck]) => {
      const { frames } = written(done);
      const whole = read(frames);
      let held = frozen(emptySnapshot("a"));
      frames.forEach((frame, i) => {
        // The last one cannot be missed: nothing follows by which a reader could find out.
        if (luck.next().value === 0 && i < frames.length - 1) return;
        const reduction = reduceFrame(held, frame);
        // A gap: it opens again, and is given what there is by now.
        if (reduction.outcome === "gap") held = whole[i] ?? expect.fail();
        if (reduction.outcome === "applied") held = frozen(reduction.snapshot);
        expect(reduction.outcome).not.toBe("ignored");
      });
      expect(held).toEqual(whole.at(-1));
    }),
    runs,
  );
});

test("frame-2, grow-2, snap-4: frames that come again, however late, change nothing", () => {
  const story = fc.tuple(actions, fc.infiniteStream(fc.nat(1_000)));
  fc.assert(
    fc.property(story, ([done, luck]) => {
      const { frames } = written(done);
      read(frames).forEach((held, i) => {
        const again = frames[luck.next().value % (i + 1)] ?? expect.fail();
        const reduction = reduceFrame(held, again);
        if (again.type === "notice") expect(reduction).toEqual({ outcome: "applied", snapshot: held });
        else expect(reduction).toEqual({ outcome: "ignored" });
      });
    }),
    runs,
  );
});

test("grow-2: whatever a superseded attempt, an ended step or an ended turn still writes is ignored", () => {
  const late = fc.record({ turn: fc.nat(4), step: fc.nat(4), attempt: fc.nat(4), index: fc.nat(60) });
  const story = fc.tuple(actions, late);
  fc.assert(
    fc.property(story, ([done, { turn, step, attempt, index }]) => {
      for (const held of read(written(done).frames)) {
        const { running } = held;
        const place = { id: "x", prev: "y", turn: turn + 1, step: step + 1, attempt: attempt + 1, index: index + 1 };
        const isOver = place.turn <= (held.turns.at(-1)?.turn ?? 0);
        const isVoid =
          running?.turn === place.turn &&
          (place.step < running.step || (place.step === running.step && place.attempt < running.attempt));
        if (!isOver && !isVoid) continue;
        const frames: GrowingFrame[] = [
          { type: "delta", ...place, at: 0, text: "late" },
          { type: "part", ...place, at: 0, part: { type: "source" } },
          { type: "rewind", ...place, parts: [] },
        ];
        for (const frame of frames) expect(reduceFrame(held, frame)).toEqual({ outcome: "ignored" });
      }
    }),
    runs,
  );
});
