import {
  emptySnapshot,
  type Frame,
  LIMITS,
  type Part,
  reduceFrame,
  type SessionKey,
  type Snapshot,
} from "@holdfast/contract";
import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { describeBackends } from "./backends.ts";
import {
  allFrames,
  ended,
  fence,
  inputOf,
  newKey,
  patched,
  rewind,
  running,
  say,
  started,
  textPart,
  turnOf,
} from "./story.ts";

/** What a reader of every frame holds. */
async function reduced(log: SessionLog, key: SessionKey): Promise<Snapshot> {
  let snapshot = emptySnapshot("concierge");
  for (const frame of await allFrames(log, key)) {
    if (frame.type === "resync" || frame.type === "foreign") throw new Error("a reader cannot follow past a resync");
    const reduction = reduceFrame(snapshot, frame satisfies Frame);
    if (reduction.outcome === "applied") snapshot = reduction.snapshot;
    else throw new Error(`${frame.type}: ${reduction.outcome}`);
  }
  return snapshot;
}

async function cached(log: SessionLog, key: SessionKey): Promise<Snapshot> {
  const read = await log.snapshot(key);
  const passedOn = await log.snapshotText(key);
  if (read.outcome === "cold" || passedOn.outcome === "cold") throw new Error("the cache is cold");
  const { version, applied, running } = read.snapshot;
  expect(passedOn).toMatchObject({ cursor: read.cursor, epoch: read.epoch, snapshot: { version, applied } });
  expect(passedOn.snapshot.running?.index).toBe(running?.index);
  expect(JSON.parse(passedOn.snapshot.json)).toEqual(read.snapshot);
  return read.snapshot;
}

function whole(turns: number, more: Partial<Snapshot> = {}): Snapshot {
  const committed = Array.from({ length: turns }, (_, i) => turnOf(i + 1, `answer ${i + 1}`));
  const state = { seen: turns };
  return {
    version: 2 * turns,
    agent: "concierge",
    state,
    turns: committed,
    running: null,
    applied: { "ann/tab-1": turns },
    ...more,
  };
}

async function put(log: SessionLog, key: SessionKey, snapshot: Snapshot): Promise<string> {
  return log.putSnapshot(key, { epoch: 1, snapshot });
}

describeBackends("snapshot", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  test("snap-1: at every frame the cache is what a reader of all frames holds", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const steps = [
      () =>
        sessionLog.begin(
          key,
          fence(1),
          started(1, 1, { applied: { "ann/tab-1": 1, "bob/tab-2": 9_007_199_254_740_991 } }),
        ),
      () => say(sessionLog, key, fence(1), 1, "Hel"),
      () => say(sessionLog, key, fence(1), 2, "lo"),
      () => rewind(sessionLog, key, fence(1), 3, ""),
      () => say(sessionLog, key, fence(1), 4, "Hello"),
      () => sessionLog.commit(key, patched(2, { mood: 0.1 }, [{ op: "add", path: "/mood", value: 0.1 }])),
      () => say(sessionLog, key, fence(1), 5, "!"),
      () =>
        sessionLog.commit(key, ended(1, 3, "Hello!", { mood: 0.2 }, [{ op: "replace", path: "/mood", value: 0.2 }])),
      () => sessionLog.begin(key, fence(2), started(2, 4, { agent: "other" })),
      () => sessionLog.commit(key, ended(2, 5, "", {}, [{ op: "remove", path: "/mood" }])),
    ];
    for (const step of steps) {
      await step();
      expect(await cached(sessionLog, key)).toEqual(await reduced(sessionLog, key));
    }
    expect(await sessionLog.snapshot(key)).toMatchObject({ cursor: (await sessionLog.head(key)).cursor });
  });

  test("snap-1: JSON comes back as it was written, empty arrays, empty objects and numbers included", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const state = {
      list: [],
      map: {},
      nested: [[], {}, [{}]],
      big: Number.MAX_SAFE_INTEGER,
      huge: 1.797e308,
      tiny: 1e-7,
      text: "{}",
      "": null,
    };
    const data = { choices: [], filter: {}, ratio: 1e21, id: 12_345_678_901_234 };
    const input = { ...inputOf(1), data };
    await sessionLog.begin(key, fence(1), started(1, 1, { inputs: [input] }));
    expect((await cached(sessionLog, key)).running?.inputs).toEqual([input]);
    const patch = Object.entries(state).map(([name, value]) => ({ op: "add" as const, path: `/${name}`, value }));
    const commit = ended(1, 2, "", state, patch);
    await sessionLog.commit(key, commit);
    expect((await cached(sessionLog, key)).state).toEqual(state);
    expect((await allFrames(sessionLog, key)).at(-1)).toMatchObject(commit.frame);
  });

  test("snap-2: as many committed turns stay as the commit says, also when they say fewer", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    for (let turn = 1; turn <= 4; turn++) {
      await sessionLog.begin(key, fence(turn), started(turn, 2 * turn - 1));
      await sessionLog.commit(key, { ...ended(turn, 2 * turn, "a"), keepTurns: turn < 4 ? turn : 2 });
    }
    expect((await cached(sessionLog, key)).turns.map(({ turn }) => turn)).toEqual([3, 4]);
  });

  test('open-3: a session without a log is cold at "0", and a put snapshot is read as it was put', async () => {
    const [sessionLog, key] = [await log(), newKey()];
    expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "cold", cursor: "0" });
    const steps = [{ step: 1, attempt: 1, parts: [textPart("step one")] }];
    const current = { ...running(4), steps, step: 2, index: 3, replaces: [2] };
    const snapshot = whole(3, { version: 7, running: current, applied: { "ann/tab-1": 4, "ann/other": 1 } });
    expect(await put(sessionLog, key, snapshot)).toBe("stored");
    expect(await cached(sessionLog, key)).toEqual(snapshot);
    expect((await allFrames(sessionLog, key)).map(({ type }) => type)).toEqual(["resync"]);
    expect(await sessionLog.begin(key, fence(4, 2, 2), started(4, 7), { contextTurns: 2 })).toMatchObject({
      outcome: "ok",
      parts: [],
      index: 3,
      steps,
      turns: snapshot.turns.slice(1),
    });
  });

  test("chain-3: putting what the log has already disturbs no reader", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await put(sessionLog, key, whole(3));
    const before = await sessionLog.head(key);
    expect(await put(sessionLog, key, whole(3))).toBe("stored");
    expect(await sessionLog.head(key)).toEqual(before);
  });

  test.each<[string, Partial<Snapshot>]>([
    ["state", { state: { seen: "otherwise" } }],
    ["mark of a producer", { applied: { "ann/tab-1": 2 } }],
    ["agent", { agent: "echo" }],
    ["turn", { turns: [...whole(2).turns, turnOf(3, "another answer")] }],
  ])(
    "chain-3: putting another %s under the version the log has replaces it, and readers resynchronise",
    async (_, other) => {
      const [sessionLog, key] = [await log(), newKey()];
      await put(sessionLog, key, whole(3));
      const before = await sessionLog.head(key);
      expect(await put(sessionLog, key, whole(3, other))).toBe("stored");
      expect(await cached(sessionLog, key)).toEqual(whole(3, other));
      expect(await sessionLog.read(key, before.cursor, 10)).toMatchObject({ frames: [{ type: "resync" }] });
    },
  );

  test("grow-2: turns a snapshot has left behind to stay small have ended all the same", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await put(sessionLog, key, whole(3));
    await put(sessionLog, key, whole(0, { version: 7 }));
    expect(await say(sessionLog, key, fence(3), 1, "late")).toMatchObject({ outcome: "stale" });
  });

  test("snap-4: a snapshot older than the log is refused, also by a cold one", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.commit(key, patched(9, {}, []));
    expect(await put(sessionLog, key, whole(4))).toBe("older");
    expect(await sessionLog.head(key)).toMatchObject({ version: 9, cold: true });
    expect(await put(sessionLog, key, whole(4, { version: 9 }))).toBe("stored");
    expect(await sessionLog.head(key)).toMatchObject({ version: 9, cold: false });
    expect(await sessionLog.commit(key, patched(10, {}, []))).toEqual({ outcome: "appended" });
  });

  test("turn-4: a put snapshot keeps the parts the log has of its running turn", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await rewind(sessionLog, key, fence(2, 3), 5, "partial");
    await put(sessionLog, key, whole(1, { version: 3, running: running(2) }));
    expect((await cached(sessionLog, key)).running).toEqual({
      ...running(2),
      attempt: 3,
      index: 1,
      parts: [textPart("partial")],
    });
    expect(await say(sessionLog, key, fence(2, 3), 6, "!")).toMatchObject({ outcome: "appended" });
  });

  test("turn-4: a put snapshot ends the turns it has, and does not keep their parts", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await rewind(sessionLog, key, fence(2), 5, "partial");
    await put(sessionLog, key, whole(2));
    expect(await cached(sessionLog, key)).toEqual(whole(2));
    expect(await say(sessionLog, key, fence(2), 6, "!")).toMatchObject({ outcome: "stale" });
    expect(await say(sessionLog, key, fence(3), 1, "!")).toMatchObject({ outcome: "gap" });
  });

  test("limit-1: the largest snapshot is kept and read, and producers beyond what a session remembers make it cold", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const applied = Object.fromEntries(Array.from({ length: LIMITS.producers }, (_, i) => [`ann/p${i}`, i + 1]));
    const large = whole(LIMITS.snapshotTurns, { state: { text: "x".repeat(LIMITS.stateBytes) }, applied });
    await put(sessionLog, key, large);
    expect(await cached(sessionLog, key)).toEqual(large);
    const many = Object.fromEntries(Array.from({ length: LIMITS.producers + 1 }, (_, i) => [`bob/q${i}`, i + 1]));
    await sessionLog.begin(key, fence(201), started(201, 401, { applied: many }));
    expect(await sessionLog.head(key)).toMatchObject({ version: 401, cold: true });
  });

  test("a cache that does not parse counts as cold, also where its damage has the length of what was there", async () => {
    const sessionLog = await log();
    const connection = await backend.connect("commands");
    const garbage = (text: string | null | undefined) => "{".repeat(text?.length ?? 0);
    const damages: ((
      names: Record<"head" | "parts" | "text" | "steps" | "turns" | "state" | "applied", string>,
    ) => Promise<unknown>)[] = [
      ({ state }) => connection.set(state, "{not json"),
      async ({ turns }) => connection.lset(turns, 0, garbage(await connection.lindex(turns, 0))),
      async ({ turns }) =>
        connection.lset(turns, 0, (await connection.lindex(turns, 0))?.replace("turn", "tern") ?? ""),
      async ({ parts }) => connection.lset(parts, 0, garbage(await connection.lindex(parts, 0))),
      async ({ steps }) => connection.lset(steps, 0, garbage(await connection.lindex(steps, 0))),
      async ({ steps }) => connection.lset(steps, 0, (await connection.lindex(steps, 0))?.replace(":1,", ":2,") ?? ""),
      async ({ text }) => connection.set(text, `"${garbage(await connection.get(text)).slice(1)}`),
      ({ head }) => connection.hdel(head, "inputs"),
      ({ head }) => connection.hdel(head, "agent"),
      ({ head }) => connection.hset(head, "questions", "[{}]"),
      ({ head }) => connection.hset(head, "inputs", '[{"by":"ann"}]'),
      ({ applied }) => connection.hset(applied, "ann/tab-1", "x"),
    ];
    for (const damage of damages) {
      const key = newKey();
      const steps = [{ step: 1, attempt: 1, parts: [] }];
      const parts: Part[] = [{ type: "source", title: "a" }, textPart("half")];
      const current = { ...running(2), steps, step: 2, index: 1, parts };
      await put(sessionLog, key, whole(1, { version: 3, running: current }));
      expect((await cached(sessionLog, key)).running).toEqual(current);
      const named = (part: string) => `hf:{acme/ada/${key.name}}:${part}`;
      await damage({
        head: named("head"),
        parts: named("parts"),
        text: named("text"),
        steps: named("steps"),
        turns: named("turns"),
        state: named("state"),
        applied: named("applied"),
      });
      expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "cold" });
      expect(await sessionLog.snapshotText(key)).toMatchObject({ outcome: "cold" });
    }
  });

  test("a cache whose state Redis evicted counts as cold, but for a session that has none yet", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    const connection = await backend.connect("commands");
    await sessionLog.begin(key, fence(1), started(1, 1));
    expect((await cached(sessionLog, key)).state).toEqual({});
    await sessionLog.commit(key, ended(1, 2, "a", { a: 1 }));
    await connection.del(`hf:{acme/ada/${key.name}}:state`);
    expect(await sessionLog.snapshot(key)).toMatchObject({ outcome: "cold" });
  });
});
