import { expect, test } from "vitest";
import { ask } from "../kit/raw-client.ts";
import { can, codeOf, ended, input, Target } from "./target.ts";

/** SPEC.md against the whole of Holdfast: who said what, by which trace, and the turns a snapshot does not carry. */
const target = Target.ofFile();

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("send-2, send-8, trace-1: a turn tells its input's name, its time and its trace", async () => {
  const { send, reader, subject } = await target.visit();
  const before = Date.now();
  const named = { ...input(1, "hello"), id: "message-1", data: { mood: ["fine", null] } };
  expect(await send([named], { traceparent: TRACE })).toEqual({ ok: true, durable: 1 });
  await reader.until(ended(1), 60_000);
  const said = { by: subject, producer: "p", seq: 1, origin: "user", id: "message-1", text: "hello" };
  expect(reader.view.turns).toMatchObject([{ origin: "user", inputs: [{ ...said, data: { mood: ["fine", null] } }] }]);
  // The clocks of the edge and of this test may differ by seconds, not by days.
  expect(Math.abs((reader.view.turns[0]?.inputs[0]?.at ?? 0) - before)).toBeLessThan(24 * 3_600_000);
  expect(reader.frames.find(({ type }) => type === "turn.started")).toMatchObject({ traceparent: TRACE });
});

test("trace-1, req-2: what is no trace context is `invalid`, and the connection lives", async () => {
  const { socket, send, session, reader } = await target.visit();
  expect(await codeOf(send([input(1, "hello")], { traceparent: "mine" }))).toBe("invalid");
  expect(await send([input(1, "hello")])).toEqual({ ok: true, durable: 1 });
  await reader.until(ended(1), 60_000);
  const interrupt = (traceparent: string) =>
    ask(socket, "command", { session, id: "c-1", name: "interrupt", args: {}, traceparent });
  expect(await codeOf(interrupt("mine"))).toBe("invalid");
  expect(await interrupt(TRACE)).toEqual({ ok: true, result: { turn: null } });
});

test("history-1, history-2: older turns are told as a snapshot shows them, and whether there are more", async () => {
  const { socket, send, session, reader } = await target.visit();
  const history = (more: object) => ask(socket, "history", { session, ...more });
  expect(await history({ before: 1 })).toEqual({ ok: true, turns: [], more: false });
  await send([input(1, "one"), input(2, "two"), input(3, "three")]);
  await reader.until(ended(3), 60_000);
  const { turns } = reader.view;
  expect(await history({ before: 4 })).toEqual({ ok: true, turns, more: false });
  expect(await history({ before: 3, limit: 1 })).toEqual({ ok: true, turns: turns.slice(1, 2), more: true });
  expect(await history({ before: 1 })).toEqual({ ok: true, turns: [], more: false });
  for (const wrong of [{ before: 0 }, { before: 2, limit: 51 }, { before: "2" }, {}]) {
    expect(await codeOf(history(wrong))).toBe("invalid");
  }
});

test.runIf(can("secret"))("history-1: of a session the token does not open nothing is told", async () => {
  const { session, subject } = await target.visit();
  const stranger = await target.connect(target.newSubject());
  const answer = ask(stranger, "history", { session: `${subject}/${session}`, before: 1 });
  expect(await codeOf(answer)).toBe("forbidden");
});
