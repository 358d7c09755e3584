import type { SessionKey, TurnStartedBody } from "@holdfast/contract";
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

const inputs = [{ by: "ann", producer: "p", seq: 1, text: "hi" }];
const started: TurnStartedBody = {
  type: "turn.started",
  version: 1,
  turn: 1,
  agent: "echo",
  inputs,
  applied: { "ann/p": 1 },
};
const failed: Commit = {
  run: "run-1",
  epoch: 1,
  frame: {
    type: "turn.failed",
    version: 2,
    turn: 1,
    text: "",
    finish: "error",
    patch: [{ op: "add", path: "/a", value: 1 }],
    error: { code: "agent_error", message: "oh" },
  },
  state: { a: 1 },
  turn: {
    turn: 1,
    inputs,
    outcome: "failed",
    finish: "error",
    text: "",
    error: { code: "agent_error", message: "oh" },
  },
  keepTurns: 1,
};

async function types(key: SessionKey): Promise<string[]> {
  const read = await log.read(key, "0", 100);
  return read.outcome === "frames" ? read.frames.map((frame) => frame.type) : ["unknown"];
}

test("frame-2: a turn no attempt ever began gets its start before its end, and publishing again changes nothing", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  expect(await activities.publish(key, failed, started)).toBe("published");
  expect(await activities.publish(key, failed, started)).toBe("published");
  expect(await types(key)).toEqual(["turn.started", "turn.failed"]);
  expect(await log.snapshot(key)).toMatchObject({ snapshot: { version: 2, state: { a: 1 }, running: null } });
});

test("frame-2: a turn an attempt began is not started twice", async () => {
  const key = newKey();
  const fence = { epoch: 1, turn: 1, step: 1, attempt: 3 };
  await log.begin(key, fence, started, 0);
  await log.appendText(key, fence, 1, "half");
  await createPublish({ log }).publish(key, failed, started);
  expect(await types(key)).toEqual(["turn.started", "delta", "turn.failed"]);
});

test("command-2: a stop is seen by the running attempt, and what readers hold of its turn can be read", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  const fence = { epoch: 1, turn: 1, step: 1, attempt: 1 };
  await log.begin(key, fence, started, 0);
  await log.appendText(key, fence, 1, "half");
  expect(await activities.heldText(key, { epoch: 1, turn: 1 })).toBe("half");
  expect(await activities.heldText(key, { epoch: 1, turn: 2 })).toBeNull();
  expect(await activities.heldText(key, { epoch: 2, turn: 1 })).toBeNull();
  expect(await activities.heldText(newKey(), { epoch: 1, turn: 1 })).toBeNull();
  expect(await activities.requestStop(key, { epoch: 1, turn: 1 })).toBe("published");
  expect(await log.appendText(key, fence, 2, "more")).toMatchObject({ stop: true });
});

test("turn-2: what readers held of a turn is the same once its end is published: its task may be executed again", async () => {
  const key = newKey();
  const activities = createPublish({ log });
  const fence = { epoch: 1, turn: 1, step: 1, attempt: 1 };
  await log.begin(key, fence, started, 0);
  await log.appendText(key, fence, 1, "half");
  const held = await activities.heldText(key, { epoch: 1, turn: 1 });
  const text = held ?? "";
  const interrupted: Commit = {
    ...failed,
    frame: { type: "turn.interrupted", version: 2, turn: 1, text, finish: "interrupted", patch: [] },
    turn: { turn: 1, inputs, outcome: "interrupted", finish: "interrupted", text },
  };
  await activities.publish(key, interrupted);
  expect([held, await activities.heldText(key, { epoch: 1, turn: 1 })]).toEqual(["half", "half"]);
  expect(await activities.heldText(key, { epoch: 1, turn: 2 })).toBeNull();
});

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
  expect(await activities.heldText(key, { epoch: 1, turn: 1 })).toBeNull();
  connection.disconnect();
  const seconds = expect.any(Number);
  const unreachable = { outcome: "unreachable", seconds, error: expect.any(Error) };
  expect(accesses).toEqual([
    { operation: "publish", outcome: "published", seconds },
    { operation: "publish", ...unreachable },
    { operation: "requestStop", ...unreachable },
    { operation: "heldText", ...unreachable },
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
  expect(await activities.heldText(key, { epoch: 1, turn: 1 })).toBeNull();
  await expect(log.assertWritable(key)).rejects.toThrow("NOREPLICAS");
  await redis.call("CONFIG", ["SET", "min-replicas-to-write", "0"]);
  await log.assertWritable(key);
  expect(await activities.publish(key, patched)).toBe("published");
});
