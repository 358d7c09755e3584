import {
  boundTurns,
  emptySnapshot,
  LIMITS,
  type Part,
  type Question,
  reduceFrame,
  type SessionKey,
  type Snapshot,
  type Turn,
} from "@holdfast/contract";
import type { LogFrame } from "@holdfast/internal";
import { expect, test } from "vitest";
import { type Commit, type Growth, SessionLog } from "../src/index.ts";
import { keysOf } from "../src/keys.ts";
import { describeBackends } from "./backends.ts";
import {
  allFrames,
  ended,
  endedAt,
  fence,
  inputOf,
  joined,
  newKey,
  patched,
  rewind,
  say,
  started,
  stepEnded,
  textPart,
  turnOf,
  waiting,
} from "./story.ts";

const QUESTION: Question = { id: "q1", title: "Delete it?", of: "owner", call: "c1", until: 1_800_000_000_000 };

/** What a reader of all these frames holds. */
function reduced(frames: LogFrame[], from: Snapshot = emptySnapshot("concierge")): Snapshot {
  let held = from;
  for (const frame of frames) {
    if (frame.type === "resync" || frame.type === "foreign") throw new Error(`${frame.type}: only a snapshot helps`);
    const reduction = reduceFrame(held, frame);
    if (reduction.outcome !== "applied") throw new Error(`${frame.type}: ${reduction.outcome}`);
    held = reduction.snapshot;
  }
  return held;
}

describeBackends("steps", (backend) => {
  const open = async (): Promise<{ log: SessionLog; key: SessionKey }> => {
    const [log, key] = [new SessionLog(await backend.connect("commands")), newKey()];
    await log.begin(key, fence(1), started(1, 1));
    return { log, key };
  };
  /** The cached snapshot, which is what a reader of every frame holds. */
  const held = async (log: SessionLog, key: SessionKey): Promise<Snapshot> => {
    const read = await log.snapshot(key);
    if (read.outcome === "cold") throw new Error("the cache is cold");
    expect(reduced(await allFrames(log, key))).toEqual(read.snapshot);
    return read.snapshot;
  };
  const last = async (log: SessionLog, key: SessionKey): Promise<LogFrame | undefined> =>
    (await allFrames(log, key)).at(-1);

  test("frame-4, frame-6, part-4: parts of every kind are begun, grown and replaced, each frame at its place", async () => {
    const { log, key } = await open();
    const tool = { type: "tool" as const, call: "c1", name: "search" };
    const growths: Growth[] = [
      { type: "delta", at: 0, begins: "reasoning", text: "Let me " },
      { type: "delta", at: 0, text: "look." },
      { type: "delta", at: 1, begins: "text", text: "One moment" },
      { type: "part", at: 2, part: { ...tool, state: "writing" } },
      { type: "delta", at: 2, text: '{"q":' },
      { type: "delta", at: 2, text: '"tea"}' },
      { type: "part", at: 2, part: { ...tool, state: "ready", input: { q: "tea", none: [], empty: {} } } },
      { type: "part", at: 2, part: { ...tool, state: "done", input: { q: "tea" }, output: [1e21, "x"] } },
      { type: "part", at: 1, part: textPart("Found it:") },
      { type: "part", at: 0, part: { type: "reasoning", text: "" } },
      { type: "part", at: 3, part: { type: "data", name: "reading", value: { sentiment: [] } } },
      { type: "part", at: 3, part: { type: "source", url: "https://example.org", title: "Tea" } },
      { type: "part", at: 4, part: textPart("") },
      { type: "delta", at: 4, text: "Tea is" },
      { type: "part", at: 4, part: textPart("Tea ") },
      { type: "delta", at: 4, text: "is hot" },
      { type: "part", at: 5, part: { type: "child", session: "s", agent: "a", state: "running", text: "" } },
    ];
    for (const [i, growth] of growths.entries()) {
      expect(await log.write(key, fence(1), i + 1, growth)).toEqual({ outcome: "appended", stop: false, index: i + 1 });
      const { running } = await held(log, key);
      expect(await log.held(key, { epoch: 1, turn: 1 })).toEqual({
        step: 1,
        attempt: 1,
        index: i + 1,
        parts: running?.parts,
      });
    }
    const { parts } = await log.begin(key, fence(1, 2), started(1, 1));
    expect(parts.map(({ type }) => type)).toEqual(["reasoning", "text", "tool", "source", "text", "child"]);
    expect(parts[4]).toEqual(textPart("Tea is hot"));
    await log.write(key, fence(1, 2), 1, { type: "rewind", parts: parts.slice(0, 3) });
    expect((await held(log, key)).running).toMatchObject({ attempt: 2, index: growths.length + 1 });
    await log.write(key, fence(1, 2), 2, { type: "rewind", parts: [] });
    expect((await held(log, key)).running?.parts).toEqual([]);
  });

  test("grow-3: what has no place among the parts is a gap and is not written", async () => {
    const { log, key } = await open();
    await say(log, key, fence(1), 1, "a");
    await log.write(key, fence(1), 2, { type: "part", at: 1, part: { type: "source", title: "b" } });
    const frames = await allFrames(log, key);
    const misplaced: Growth[] = [
      { type: "delta", at: 0, text: "in the middle" },
      { type: "delta", at: 1, text: "to what does not grow" },
      { type: "delta", at: 2, text: "to nothing" },
      { type: "delta", at: 1, begins: "text", text: "in the middle" },
      { type: "delta", at: 3, begins: "text", text: "behind a hole" },
      { type: "part", at: 3, part: textPart("behind a hole") },
    ];
    for (const growth of misplaced) {
      expect(await log.write(key, fence(1), 3, growth)).toEqual({ outcome: "gap", stop: false, index: 2 });
    }
    expect(await allFrames(log, key)).toEqual(frames);
    expect(await log.write(key, fence(1), 3, { type: "delta", at: 2, begins: "text", text: "c" })).toMatchObject({
      outcome: "appended",
      index: 3,
    });
  });

  test("end-2: a step's end begins the next one, whose attempts are told the steps before it", async () => {
    const { log, key } = await open();
    await say(log, key, fence(1), 1, "Looking.");
    const first = { step: 1, attempt: 1, parts: [textPart("Looking.")] };
    expect(await log.commit(key, stepEnded(1, 2, { step: 1, attempt: 1, index: 1 }, first.parts))).toEqual({
      outcome: "appended",
    });
    expect(await last(log, key)).not.toHaveProperty("parts");
    expect(await held(log, key)).toMatchObject({
      version: 2,
      running: { steps: [first], step: 2, index: 1, parts: [] },
    });
    expect(await say(log, key, fence(1), 2, "late")).toMatchObject({ outcome: "stale" });
    expect(await log.begin(key, fence(1, 2), started(1, 1))).toMatchObject({ outcome: "stale" });

    expect(await log.begin(key, fence(1, 1, 2), started(1, 1))).toMatchObject({
      outcome: "ok",
      parts: [],
      index: 1,
      steps: [first],
    });
    expect(await say(log, key, fence(1, 1, 2), 1, "Done.")).toMatchObject({ outcome: "appended", index: 2 });
    const second = { step: 2, attempt: 1, parts: [textPart("Done.")] };
    await log.commit(key, { ...stepEnded(1, 3, { step: 2, attempt: 1, index: 2 }, second.parts) });
    expect((await log.begin(key, fence(1, 1, 3), started(1, 1))).steps).toEqual([first, second]);
    const commit = endedAt(1, 4, 2, []);
    if (commit.frame.type !== "turn.ended" || commit.turn === undefined) throw new TypeError("no end of a turn");
    const { type, version, turn: number, outcome, finish, attempt, index, patch } = commit.frame;
    // No step began after the second had ended.
    const frame = { type, version, turn: number, outcome, finish, attempt, index, patch };
    const turn: Turn = { ...commit.turn, steps: [first, second] };
    await log.commit(key, { ...commit, frame, turn });
    expect(await held(log, key)).toMatchObject({ running: null, turns: [turn] });
  });

  test("end-1: an answer as long as one may be is sent once: its end has less than 1 KiB", async () => {
    const { log, key } = await open();
    const [piece, pieces] = ["x".repeat(4_096), LIMITS.turnLength / 4_096];
    for (let i = 1; i <= pieces; i++) await say(log, key, fence(1), i, piece);
    await log.commit(key, endedAt(1, 2, pieces, [textPart(piece.repeat(pieces))]));
    const frames = await log.readTexts(key, (await log.head(key)).cursor, 1);
    expect(frames).toEqual({ outcome: "frames", frames: [], more: false });
    const entries = await (await backend.connect("commands")).xrevrange(keysOf(key)[0] ?? "", "+", "-", "COUNT", 1);
    const body = entries[0]?.[1][3] ?? "";
    expect(body).toContain('"type":"turn.ended"');
    expect(body.length).toBeLessThan(1_024);
    const read = await log.snapshot(key);
    expect(read).toMatchObject({ snapshot: { turns: [{ steps: [{ parts: [textPart(piece.repeat(pieces))] }] }] } });
  });

  const losses: Record<string, (log: SessionLog, key: SessionKey, connection: Connection) => Promise<unknown>> = {
    "its last frames": (log, key) => rewind(log, key, fence(1, 1), 9, "another thing"),
    "the parts": (_, key, connection) => connection.del(keysOf(key)[3] ?? ""),
    "the parts, as a later attempt found": async (log, key, connection) => {
      await connection.del(keysOf(key)[3] ?? "");
      await log.begin(key, fence(1, 2), started(1, 1));
    },
    "all of it": (_, key, connection) => connection.del(...keysOf(key)),
    "the step's attempt, to a later one": (log, key) => rewind(log, key, fence(1, 2), 1, "another thing"),
  };
  type Connection = Awaited<ReturnType<typeof backend.connect>>;
  for (const [what, lose] of Object.entries(losses)) {
    for (const end of ["step.ended", "turn.ended"]) {
      test(`end-1: readers of a log that lost ${what} are given the parts by ${end}`, async () => {
        const { log, key } = await open();
        await say(log, key, fence(1), 1, "Hello");
        const { index } = await say(log, key, fence(1), 2, "!");
        await lose(log, key, await backend.connect("commands"));
        const parts = [textPart("Hello!")];
        const place = { step: 1, attempt: 1, index };
        await log.commit(key, end === "step.ended" ? stepEnded(1, 2, place, parts) : endedAt(1, 2, index, parts));
        expect(await last(log, key)).toMatchObject({ type: end, parts });
      });
    }
  }

  test("end-1: an attempt that found all there was to say, and one that wrote last, are both at the place they name", async () => {
    for (const attempt of [1, 2]) {
      const { log, key } = await open();
      await say(log, key, fence(1), 1, "Hello");
      await log.begin(key, fence(1, 2), started(1, 1));
      await log.commit(key, stepEnded(1, 2, { step: 1, attempt, index: 1 }, [textPart("Hello")]));
      expect(await last(log, key)).not.toHaveProperty("parts");
      expect((await held(log, key)).running?.steps).toEqual([{ step: 1, attempt, parts: [textPart("Hello")] }]);
    }
  });

  test("end-1: a place that nobody knows is no place, though nothing was written", async () => {
    for (const attempt of [0, 1]) {
      const { log, key } = await open();
      await log.commit(key, stepEnded(1, 2, { step: 1, attempt, index: 0 }, [textPart("Hello")]));
      expect(await last(log, key)).toMatchObject({ parts: [textPart("Hello")] });
    }
  });

  test("chain-3: a step whose predecessor's end the log lost is not joined to it: readers resynchronise", async () => {
    const { log, key } = await open();
    await say(log, key, fence(1), 1, "Looking.");
    const { cursor } = await log.head(key);
    expect(await log.begin(key, fence(1, 1, 2), started(1, 1), { contextTurns: 1 })).toMatchObject({
      outcome: "ok",
      parts: [],
      index: 1,
      steps: undefined,
      turns: undefined,
    });
    await say(log, key, fence(1, 1, 2), 1, "Done.");
    expect(await log.read(key, cursor, 10)).toMatchObject({ frames: [{ type: "resync" }, { step: 2, index: 2 }] });
    expect(await log.head(key)).toMatchObject({ cold: true });
    // The workflow was asked before it sent somebody to the second step.
    const [before, steps] = [emptySnapshot("concierge"), [{ step: 1, attempt: 1, parts: [textPart("Looking.")] }]];
    const turn = { turn: 1, origin: "user" as const, inputs: [inputOf(1)], attempt: 1, index: 0, parts: [] };
    const first = { ...before, version: 1, running: { ...turn, steps: [], step: 1, questions: [] } };
    expect(await log.putSnapshot(key, { epoch: 1, snapshot: first })).toBe("older");
    const second = { ...before, version: 2, running: { ...turn, steps, step: 2, questions: [] } };
    expect(await log.putSnapshot(key, { epoch: 1, snapshot: second })).toBe("stored");
    expect(await log.snapshot(key)).toMatchObject({
      snapshot: { running: { steps, step: 2, index: 2, parts: [textPart("Done.")] } },
    });
    // Its rewind alone does the same.
    const { cursor: later } = await log.head(key);
    await rewind(log, key, fence(1, 1, 3), 1, "More.");
    expect(await log.read(key, later, 10)).toMatchObject({ frames: [{ type: "resync" }, { type: "rewind", step: 3 }] });
  });

  test("frame-2: the end of another step than the one that runs is a gap", async () => {
    const { log, key } = await open();
    expect(await log.commit(key, stepEnded(1, 2, { step: 2, attempt: 1, index: 5 }, []))).toEqual({ outcome: "gap" });
    expect((await allFrames(log, key)).map(({ type }) => type)).toEqual(["turn.started", "resync", "step.ended"]);
    expect(await log.head(key)).toMatchObject({ cold: true, version: 2 });
  });

  test("turn-7: questions are those of the last turn.waiting, until the turn has ended", async () => {
    const { log, key } = await open();
    expect(await log.commit(key, waiting(1, 2, [QUESTION]))).toEqual({ outcome: "appended" });
    expect((await held(log, key)).running?.questions).toEqual([QUESTION]);
    await log.commit(key, waiting(1, 3, []));
    expect((await held(log, key)).running?.questions).toEqual([]);
    await log.commit(key, waiting(1, 4, [QUESTION, { ...QUESTION, id: "q2", of: { role: "nurse" } }]));
    await log.commit(key, stepEnded(1, 5, { step: 1, attempt: 1, index: 0 }, []));
    expect((await held(log, key)).running?.questions).toHaveLength(2);
    const end = ended(1, 6, "Done.");
    if (end.frame.type !== "turn.ended") throw new TypeError("no end of a turn");
    const steps = [1, 2].map((step) => ({ step, attempt: 1, parts: [] }));
    await log.commit(key, {
      ...end,
      frame: { ...end.frame, step: 2, attempt: 1, parts: [] },
      turn: { ...turnOf(1, ""), steps },
    });
    await log.begin(key, fence(2), started(2, 7));
    expect((await held(log, key)).running?.questions).toEqual([]);
    expect(await log.commit(key, waiting(9, 8, [QUESTION]))).toEqual({ outcome: "gap" });
  });

  test("turn-8: inputs that joined a turn stay in it, with their marks, whichever attempt comes", async () => {
    const { log, key } = await open();
    const more = [
      { ...inputOf(2), data: { deep: [[], {}] } },
      { ...inputOf(7), by: "bob" },
    ];
    await log.commit(key, joined(1, 2, [], {}));
    expect((await held(log, key)).running?.inputs).toEqual([inputOf(1)]);
    await log.commit(key, joined(1, 3, more, { "ann/tab-1": 2, "bob/tab-1": 7 }));
    await log.begin(key, fence(1, 2), started(1, 1));
    const { running, applied } = await held(log, key);
    expect(running?.inputs).toEqual([inputOf(1), ...more]);
    expect(applied).toEqual({ "ann/tab-1": 2, "bob/tab-1": 7 });
    await log.begin(key, fence(2), started(2, 4, { inputs: [] }));
    await log.commit(key, joined(2, 5, [inputOf(9)], { "ann/tab-1": 9 }));
    expect(await log.snapshot(key)).toMatchObject({
      snapshot: { running: { inputs: [inputOf(9)] } },
    });
  });

  test("notice-1: a notice has its place in the chain and is in no snapshot", async () => {
    const { log, key } = await open();
    await say(log, key, fence(1), 1, "a");
    const before = await held(log, key);
    expect(await log.notice(key, 1, "progress", { done: 0.5, none: [] })).toBe("appended");
    expect(await log.notice(key, 1, "tick")).toBe("appended");
    expect((await allFrames(log, key)).slice(-2)).toMatchObject([
      { type: "notice", name: "progress", data: { done: 0.5, none: [] } },
      { type: "notice", name: "tick" },
    ]);
    expect(await held(log, key)).toEqual(before);
    expect(await say(log, key, fence(1), 2, "b")).toMatchObject({ outcome: "appended" });
    // Of a session that has begun again, or is not there: nobody is told.
    await log.begin(key, fence(1, 1, 1, 2), started(1, 1));
    const { cursor } = await log.head(key);
    expect(await log.notice(key, 1, "tick")).toBe("stale");
    expect(await log.notice(key, 3, "tick")).toBe("gap");
    expect(await log.notice(newKey(), 1, "tick")).toBe("gap");
    expect(await log.head(key)).toMatchObject({ cursor, epoch: 2 });
  });

  test("turn-2: a run that executed a task again adopts what it had published, whatever frame that was", async () => {
    const parts: Part[] = [textPart("Looking.")];
    const step = { step: 1, attempt: 1, parts };
    const place = { step: 1, attempt: 1, index: 1 };
    const cases: [Commit, object][] = [
      [stepEnded(1, 2, place, parts), { type: "step.ended", step }],
      [endedAt(1, 2, 1, parts), { type: "turn.ended", turn: { ...turnOf(1, ""), steps: [step] } }],
      [waiting(1, 2, [QUESTION]), { type: "turn.waiting", questions: [QUESTION] }],
      [joined(1, 2, [inputOf(2)], {}), { type: "inputs.joined", inputs: [inputOf(1), inputOf(2)] }],
      [patched(2, {}, []), { type: "state.patched" }],
    ];
    for (const [first, shown] of cases) {
      const { log, key } = await open();
      await say(log, key, fence(1), 1, "Looking.");
      await log.commit(key, first);
      const { cursor } = await log.head(key);
      for (const [second] of cases) {
        const isSame = second === first;
        expect(await log.commit(key, second)).toEqual(
          isSame ? { outcome: "duplicate" } : { outcome: "shown", shown: { state: {}, ...shown } },
        );
      }
      expect((await log.head(key)).cursor).toBe(cursor);
    }
  });

  test("held: of the running turn of this very session, and of no other", async () => {
    const { log, key } = await open();
    expect(await log.held(key, { epoch: 1, turn: 1 })).toEqual({ step: 1, attempt: 1, index: 0, parts: [] });
    await rewind(log, key, fence(1, 3), 1, "Hello");
    expect(await log.held(key, { epoch: 1, turn: 1 })).toEqual({
      step: 1,
      attempt: 3,
      index: 1,
      parts: [textPart("Hello")],
    });
    for (const other of [
      { epoch: 1, turn: 2 },
      { epoch: 2, turn: 1 },
      { epoch: 1, turn: 0 },
    ]) {
      expect(await log.held(key, other)).toBeUndefined();
    }
    await log.commit(key, ended(1, 2, "Hello"));
    expect(await log.held(key, { epoch: 1, turn: 1 })).toBeUndefined();
    expect(await log.held(newKey(), { epoch: 1, turn: 1 })).toBeUndefined();
  });

  test("snap-5: a turn that is among the newest no more is kept as readers shrink it", async () => {
    const { log, key } = await open();
    const tool: Part = { type: "tool", call: "c", name: "search", state: "done", output: "x".repeat(100) };
    let turns: Turn[] = [];
    for (let turn = 1; turn <= LIMITS.wholeTurns + 3; turn++) {
      await log.begin(key, fence(turn), started(turn, 2 * turn - 1));
      await log.write(key, fence(turn), 1, { type: "part", at: 0, part: tool });
      const commit = endedAt(turn, 2 * turn, 1, [tool]);
      const before = turns;
      turns = boundTurns([...turns, ...(commit.turn === undefined ? [] : [commit.turn])]);
      const shrunk = turns.find((kept, i) => i < before.length && kept !== before[i]);
      await log.commit(key, { ...commit, keepTurns: turns.length, ...(shrunk !== undefined && { shrunk }) });
    }
    expect((await held(log, key)).turns).toEqual(turns);
    const isShrunk = turns.map(({ steps }) => JSON.stringify(steps).length < 200);
    expect(isShrunk.filter(Boolean)).toHaveLength(3);
  });
});
