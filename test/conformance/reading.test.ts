import { expect, test } from "vitest";
import { answerTo } from "../kit/model-calls.ts";
import { ask, rawText } from "../kit/raw-client.ts";
import { can, ended, input, Target } from "./target.ts";

/** SPEC.md against the whole of Holdfast, by a client that knows nothing but the page: opening, resuming, reading. */
const target = Target.ofFile();

test("open-3: a session nobody has sent anything to is a snapshot of version 0", async () => {
  const { reader: held } = await target.visit();
  await held.until((r) => r.last !== undefined);
  expect(held.frames[0]).toMatchObject({ type: "snapshot", snapshot: { version: 0, turns: [], running: null } });
});

test("ack-1, ack-2, frame-2 … frame-4, turn-4, end-1: an input is durable, then applied, then answered in text that only grows", async () => {
  const { send, reader: held, subject } = await target.visit();
  const text = can("script") ? "tell me faults:slow=5ms,tokens=60" : "tell me";
  expect(await send([input(1, text)])).toEqual({ ok: true, durable: 1 });
  await held.until(ended(1), 60_000);
  const [turn] = held.view.turns;
  expect(turn).toMatchObject({ turn: 1, inputs: [{ by: subject, producer: "p", seq: 1, text }] });
  expect(held.view).toMatchObject({ version: 2, applied: { [`${subject}/p`]: 1 } });
  for (const { text: shown } of held.shown) expect(rawText(turn).startsWith(shown)).toBe(true);
  expect(held.breaks).toBe(0);
  // A reader that holds the text is not sent it again.
  const end = held.frames.find(({ type }) => type === "turn.ended");
  expect(end).toMatchObject({ turn: 1, step: 1 });
  expect(end).not.toHaveProperty("parts");
  if (!can("script")) return;
  const inputs = [{ by: subject, producer: "p", seq: 1, origin: "user", at: expect.any(Number), text }];
  const steps = [{ step: 1, attempt: 1, parts: [{ type: "text", text: answerTo(text) }] }];
  const made = { finish: "stop", usage: expect.any(Object), model: expect.any(String) };
  expect(held.view.turns).toEqual([{ turn: 1, origin: "user", inputs, steps, outcome: "completed", ...made }]);
  expect(held.shown.length).toBeGreaterThan(3);
});

test("open-2, chain-1: a reader that was away resumes right after its cursor, without a snapshot", async () => {
  const first = await target.visit();
  const held = first.reader;
  await first.say(1, "before");
  first.socket.close();
  const other = await target.visit(first, 1);
  await other.send([input(1, "meanwhile")], { producer: "q" });
  await other.reader.until(ended(2));
  const again = await target.connect(first.subject);
  const seen = held.frames.length;
  expect(await held.open(again)).toEqual({ ok: true, resumed: true });
  await held.until(ended(2));
  expect(held.frames.slice(seen).map((frame) => frame.type)).not.toContain("snapshot");
  expect(held.view).toEqual(other.reader.view);
});

test("open-3: a cursor the log does not have is answered with a snapshot", async () => {
  const { socket, say, reader: held } = await target.visit();
  await say(1, "a");
  const before = held.view.turns;
  held.last = "17-4";
  expect(await held.open(socket)).toEqual({ ok: true, resumed: false });
  await held.until((r) => r.frames.at(-1)?.type === "snapshot");
  expect(held.view).toMatchObject({ version: 2, turns: before });
});

test.runIf(can("script"))("snap-3: who opens in the middle of a turn gets the partial text and the rest", async () => {
  const first = await target.visit();
  await first.send([input(1, "long faults:slow=20ms,tokens=80")]);
  await first.reader.until((r) => rawText(r.view.running).length > 50);
  const second = await target.visit(first, 1);
  await second.reader.until((r) => r.last !== undefined);
  expect(rawText(second.reader.view.running).length).toBeGreaterThan(0);
  await Promise.all([first.reader.until(ended(1)), second.reader.until(ended(1))]);
  expect(second.reader.view).toEqual(first.reader.view);
  expect(second.reader.breaks).toBe(0);
});

for (const fault of ["429x2,retry-after=1", "500x2", "cut@20", "malformed@20", "nofinish", "error@10x2"]) {
  test.runIf(can("script"))(`turn-4, frame-5: after ${fault} the text is whole and was never garbled`, async () => {
    const { say, reader: held } = await target.visit();
    const text = `faults:${fault},tokens=50,slow=5ms`;
    await say(1, text);
    const expected = answerTo(text);
    expect(held.view.turns[0]).toMatchObject({ outcome: "completed", finish: "stop" });
    expect(rawText(held.view.turns[0])).toBe(expected);
    for (const { text: shown } of held.shown) expect(expected.startsWith(shown)).toBe(true);
  });
}

test("open-5: nothing comes after close", async () => {
  const first = await target.visit();
  const held = first.reader;
  await held.until((r) => r.last !== undefined);
  expect(await ask(first.socket, "close", { session: first.session })).toEqual({ ok: true });
  const other = await target.visit(first, 1);
  const seen = held.frames.length;
  await other.say(1, "anyone?");
  expect(held.frames).toHaveLength(seen);
});
