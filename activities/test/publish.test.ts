import type { BodyOf, Input, Part, SessionKey } from "@holdfast/contract";
import type { HeldStep } from "@holdfast/internal";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { type Commit, SessionLog } from "@holdfast/session-log";
import { startValkey } from "@holdfast/stack/servers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPublish, type LogAccess } from "../src/publish.ts";

const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

let valkey: Awaited<ReturnType<typeof startValkey>>;
let redis: ReturnType<typeof connectRedis>;
let log: SessionLog;
beforeAll(async () => {
  valkey = await startValkey();
  redis = connectRedis(valkey.url, silent, "commands");
  log = new SessionLog(redis);
  await new Promise<void>((resolve) => void redis.once("ready", resolve));
});
afterAll(async () => {
  redis.disconnect();
  await valkey.stop();
});

let keys = 0;
function newKey(): SessionKey {
  return { tenant: "acme", owner: "ann", name: `s${++keys}` };
}

const inputs: Input[] = [{ by: "ann", producer: "p", seq: 1, origin: "user", at: 1_700_000_000_000, text: "hi" }];
const started: BodyOf<"turn.started"> = {
  type: "turn.started",
  version: 1,
  turn: 1,
  agent: "echo",
  origin: "user",
  inputs,
  applied: { "ann/p": 1 },
};
const failure = { outcome: "failed", finish: "error", error: { code: "agent_error", message: "oh" } } as const;
const failed: Commit = {
  run: "run-1",
  epoch: 1,
  frame: {
    type: "turn.ended",
    version: 2,
    turn: 1,
    attempt: 0,
    index: 0,
    patch: [{ op: "add", path: "/a", value: 1 }],
    ...failure,
  },
  state: { a: 1 },
  turn: { turn: 1, origin: "user", inputs, steps: [], ...failure },
  keepTurns: 1,
};
const fence = { epoch: 1, turn: 1, step: 1, attempt: 1 };
const half: Part[] = [
  { type: "reasoning", text: "hm" },
  { type: "text", text: "half" },
];

/** An attempt writes half of an answer. */
async function begin(key: SessionKey): Promise<void> {
  await log.begin(key, fence, started);
  await log.write(key, fence, 1, { type: "delta", at: 0, begins: "reasoning", text: "hm" });
  await log.write(key, fence, 2, { type: "delta", at: 1, begins: "text", text: "half" });
}

async function types(key: SessionKey): Promise<string[]> {
  const read = await log.read(key, "0", 100);
  return read.outcome === "frames" ? read.frames.map((frame) => frame.type) : ["unknown"];
}

test("frame-2: a turn no attempt ever began gets its start before its end, and publishing again changes nothing", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  expect(await activities.publish(key, failed, started)).toBe("published");
  expect(await activities.publish(key, failed, started)).toBe("published");
  expect(await types(key)).toEqual(["turn.started", "turn.ended"]);
  expect(await log.snapshot(key)).toMatchObject({ snapshot: { version: 2, state: { a: 1 }, running: null } });
});

test("frame-2: a turn an attempt began is not started twice", async () => {
  const key = newKey();
  const third = { ...fence, attempt: 3 };
  await log.begin(key, third, started);
  await log.write(key, third, 1, { type: "delta", at: 0, begins: "text", text: "half" });
  await createPublish({ log }).publish(key, failed, started);
  expect(await types(key)).toEqual(["turn.started", "delta", "turn.ended"]);
});

test("command-2: a stop is seen by the running attempt, and what readers hold of its step can be read", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  await begin(key);
  const held = { step: 1, attempt: 1, index: 2, parts: half };
  expect(await activities.heldStep(key, { epoch: 1, turn: 1 })).toEqual(held);
  expect(await activities.heldStep(key, { epoch: 1, turn: 2 })).toBeUndefined();
  expect(await activities.heldStep(key, { epoch: 2, turn: 1 })).toBeUndefined();
  expect(await activities.heldStep(newKey(), { epoch: 1, turn: 1 })).toBeUndefined();
  expect(await activities.requestStop(key, { epoch: 1, turn: 1 })).toBe("published");
  expect(await log.write(key, fence, 3, { type: "delta", at: 1, text: "more" })).toMatchObject({ stop: true });
});

test("end-1: what readers hold of a step is named as they have it, also when another attempt has begun and written nothing", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  await begin(key);
  await log.begin(key, { ...fence, attempt: 2 }, started);
  const held = await activities.heldStep(key, { epoch: 1, turn: 1 });
  expect(held).toEqual({ step: 1, attempt: 1, index: 2, parts: half });
  await activities.publish(key, interruptedWith(held));
  const read = await log.read(key, "0", 100);
  expect(read.outcome === "frames" && read.frames.at(-1)).not.toHaveProperty("parts");
});

test("turn-2: what readers held of a turn is the same once its end is published: its task may be executed again", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  await begin(key);
  const held = await activities.heldStep(key, { epoch: 1, turn: 1 });
  await activities.publish(key, interruptedWith(held));
  const again = await activities.heldStep(key, { epoch: 1, turn: 1 });
  expect(again).toMatchObject({ step: 1, attempt: 1, parts: half });
  expect(await activities.heldStep(key, { epoch: 1, turn: 2 })).toBeUndefined();
  // By its name the workflow commits the same turn again, and readers keep what they have.
  const shown = await activities.publish(key, interruptedWith(again));
  expect(shown).toMatchObject({ type: "turn.ended", turn: { steps: [{ step: 1, attempt: 1, parts: half }] } });
});

function interruptedWith(held: HeldStep | undefined): Commit {
  const { step = 1, attempt = 0, index = 0, parts = [] } = held ?? {};
  const end = { outcome: "interrupted", finish: "interrupted" } as const;
  const covers = { turn: 1, step, attempt, index, parts };
  return {
    ...failed,
    frame: { type: "turn.ended", version: 2, ...covers, ...end, patch: [] },
    turn: { turn: 1, origin: "user", inputs, steps: [{ step, attempt, parts }], ...end },
  };
}

test("Redis out of reach is an outcome, not an error", async () => {
  const other = await startValkey();
  const connection = connectRedis(other.url, silent, "commands");
  await new Promise<void>((resolve) => void connection.once("ready", resolve));
  const accesses: LogAccess[] = [];
  const activities = createPublish({
    log: new SessionLog(connection),
    onAccess: (access) => void accesses.push(access),
  });
  const key = newKey();
  expect(await activities.publish(key, failed, started)).toBe("published");
  await other.stop();
  expect(await activities.publish(key, failed)).toBe("unreachable");
  expect(await activities.requestStop(key, { epoch: 1, turn: 1 })).toBe("unreachable");
  expect(await activities.heldStep(key, { epoch: 1, turn: 1 })).toBeUndefined();
  connection.disconnect();
  const seconds = expect.any(Number);
  const unreachable = { outcome: "unreachable", seconds, error: expect.any(Error) };
  expect(accesses).toEqual([
    { operation: "publish", outcome: "published", seconds },
    { operation: "publish", ...unreachable },
    { operation: "requestStop", ...unreachable },
    { operation: "heldStep", ...unreachable },
  ]);
});

test("a Redis that answers reads and refuses writes is out of reach as well", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  expect(await activities.publish(key, failed, started)).toBe("published");
  await redis.call("CONFIG", ["SET", "min-replicas-to-write", "1"]);
  expect((await log.head(key)).version).toBe(2);
  const patched: Commit = { ...failed, frame: { type: "state.patched", version: 3, patch: [] } };
  expect(await activities.publish(key, patched)).toBe("unreachable");
  expect(await activities.requestStop(key, { epoch: 1, turn: 1 })).toBe("unreachable");
  // What it holds may be old by now.
  expect(await activities.heldStep(key, { epoch: 1, turn: 1 })).toBeUndefined();
  await expect(log.assertWritable(key)).rejects.toThrow("NOREPLICAS");
  await redis.call("CONFIG", ["SET", "min-replicas-to-write", "0"]);
  await log.assertWritable(key);
  expect(await activities.publish(key, patched)).toBe("published");
});
