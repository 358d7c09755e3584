import { type SessionKey, type Snapshot, textOf } from "@holdfast/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { batch, type Harness, input, newKey, startHarness, withText } from "./harness.ts";

/** Sessions whose workflow is ended from outside, by Temporal's own tools. */
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

async function untilEndedAs(key: SessionKey, status: string): Promise<void> {
  await eventually(async () => expect((await harness.handle(key).describe()).status.name).toBe(status));
}

/** The log has what the workflow says, and readers with it. */
async function untilTold(key: SessionKey, snapshot: Snapshot): Promise<void> {
  await eventually(async () => {
    expect(await harness.log.snapshot(key)).toMatchObject({ outcome: "snapshot", snapshot });
  });
}

test("turn-2: a cancelled session ends its turn first: what was said is kept, published, and nobody is named", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hold"), input(2, "next")), "concierge");
  await harness.untilHeld(key, "held");
  await harness.handle(key).cancel();
  await untilEndedAs(key, "CANCELLED");
  const snapshot = await harness.snapshot(key);
  const turn = { turn: 1, outcome: "interrupted", text: "held", finish: "interrupted" };
  expect(snapshot.running).toBeNull();
  expect(withText(snapshot.turns)).toMatchObject([turn]);
  expect(snapshot.turns[0]).not.toHaveProperty("by");
  await untilTold(key, snapshot);
  await harness.replay(key);

  // snap-4: the next input finds the conversation as it was, and what was durable before it has its turn, too.
  await harness.signal(key, batch("p", input(2, "next"), input(3, "and now?")));
  const after = await harness.until(key, ({ turns }) => turns.length === 3);
  expect(withText(after.turns)).toMatchObject([turn, { turn: 2, text: "re: next" }, { turn: 3, text: "re: and now?" }]);
  expect(after).toMatchObject({ agent: "concierge", applied: { "ann/p": 3 } });
  expect(after.version).toBeGreaterThan(snapshot.version);
  await untilTold(key, after);
  await harness.replay(key);
});

test("snap-4: a session that was cancelled while nothing ran goes on with the next input", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "one")), "concierge");
  await harness.until(key, ({ turns }) => turns.length === 1);
  const call = { id: "c1", name: "interrupt", args: {} };
  await harness.handle(key).cancel();
  await untilEndedAs(key, "CANCELLED");
  await harness.signal(key, batch("p", input(1, "one"), input(2, "two")), "concierge");
  const { turns, state } = await harness.until(key, (snapshot) => snapshot.turns.length === 2);
  expect(turns.map(textOf)).toEqual(["re: one", "re: two"]);
  expect(state["messages"]).toBe(2);
  expect(await harness.command(key, call)).toEqual({ turn: null });
});

test("snap-4: a turn that was cut short by a termination stays, interrupted, with what its readers had", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "one")));
  await harness.until(key, ({ turns }) => turns.length === 1);
  await harness.signal(key, batch("p", input(2, "hold")));
  await harness.untilHeld(key, "held");
  const { version } = await harness.snapshot(key);
  await harness.handle(key).terminate("an operator's doing");
  await harness.signal(key, batch("q", input(1, "and now?")));
  const after = await harness.until(key, ({ turns }) => turns.length === 3);
  expect(withText(after.turns)).toMatchObject([
    { turn: 1, text: "re: one" },
    { turn: 2, outcome: "interrupted", text: "held", finish: "interrupted" },
    { turn: 3, outcome: "completed", text: "re: and now?" },
  ]);
  expect(after.version).toBe(version + 3);
  await untilTold(key, after);
  await harness.replay(key);
  // And once more: what was taken over is handed on.
  await harness.handle(key).terminate("again");
  await harness.signal(key, batch("q", input(2, "still there?")));
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 4);
  expect(withText(turns).at(-1)).toMatchObject({ turn: 4, text: "re: still there?" });
});

test("a session that is new asks nobody: its history has one marker more, and nothing else", async () => {
  const key = newKey();
  await harness.signal(key, batch("p", input(1, "hello")));
  await harness.until(key, ({ turns }) => turns.length === 1);
  const { events } = await harness.handle(key).fetchHistory();
  const queries = events?.filter((event) => event.markerRecordedEventAttributes).length;
  // What it recalled, which is nothing, and the turn's end.
  expect(queries).toBe(2);
});

test("send-9: events of unknown kinds, malformed or undecodable ones are kept, told, and stand in nobody's way", async () => {
  const key = newKey();
  const ann = { by: "ann", producer: "p", at: 0 };
  await harness.signal(key, { runs: [{ ...ann, events: [{ seq: 1, kind: "approve", question: "q1" }] }] });
  await harness.signal(key, {
    runs: [
      {
        ...ann,
        events: [
          { seq: 1, kind: "approve" },
          { seq: 2, kind: "input" },
        ],
      },
    ],
  });
  await harness.signal(key, "no batch");
  await harness.handle(key).signal("other");
  await harness.signal(key, batch("p", input(2, "repeated"), input(3, "hello")));
  const { turns } = await harness.until(key, (snapshot) => snapshot.turns.length === 1);
  expect(turns).toMatchObject([{ inputs: [{ seq: 3 }] }]);
  const { letters, dropped } = await harness.handle(key).query<{ letters: object[]; dropped: number }>("deadLetters");
  expect(dropped).toBe(0);
  expect(letters).toMatchObject([
    { by: "ann", producer: "p", seq: 1, kind: "approve", content: expect.stringContaining("q1") },
    { by: "ann", producer: "p", seq: 2, kind: "input" },
    { content: '"no batch"' },
    { kind: "other" },
  ]);
});
