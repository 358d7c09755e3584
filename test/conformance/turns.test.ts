import { answerTokens, parseScript, reasoningTokens } from "@holdfast/model-server";
import { expect, test } from "vitest";
import { ask, rawText } from "../kit/raw-client.ts";
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

test.runIf(can("script"))(
  "part-2, frame-4, frame-5: reasoning is a part of its own before the text, and a retry takes both back by `rewind`",
  async () => {
    const { send, reader, session, subject } = await target.visit();
    const directives = "reasoning=4,tokens=5,slow=50ms,distinct";
    const said = `think first faults:cut@7,${directives}`;
    const partsOf = (ordinal: number) => {
      const [reasoning, text] = [reasoningTokens, answerTokens].map((of) => of(said, parseScript(directives), ordinal));
      return { reasoning: reasoning?.join("") ?? "", text: text?.join("") ?? "" };
    };
    await send([input(1, said)]);
    await reader.until(ended(1), 60_000);
    const [first, second] = [partsOf(1), partsOf(2)];
    const whole = [
      { type: "reasoning", text: second.reasoning },
      { type: "text", text: second.text },
    ];
    expect(reader.view.turns).toMatchObject([{ outcome: "completed", steps: [{ step: 1, attempt: 2, parts: whole }] }]);
    expect(rawText(reader.view.turns[0])).toBe(second.text);

    const deltas = reader.frames.filter(({ type }) => type === "delta");
    expect(deltas[0]).toMatchObject({ attempt: 1, at: 0, begins: "reasoning" });
    const shown = (at: number): string =>
      deltas.map((delta) => (delta["attempt"] === 1 && delta["at"] === at ? delta["text"] : "")).join("");
    // The connection broke within the text: all of the reasoning was shown, and a beginning of the text.
    expect([shown(0), first.text.startsWith(shown(1))]).toEqual([first.reasoning, true]);
    // One frame takes both back; it may bring the beginning of what the second attempt says.
    const rewinds = reader.frames.filter(({ type }) => type === "rewind");
    expect(rewinds).toMatchObject([{ step: 1, attempt: 2 }]);
    const rest = rewinds[0]?.parts?.map(({ text }) => text).join("") ?? "nothing";
    expect(second.reasoning.startsWith(rest)).toBe(true);
    expect(reader.breaks).toBe(0);

    const { reader: again } = await target.visit({ subject, session });
    await again.until(ended(1));
    expect(again.view.turns).toEqual(reader.view.turns);
  },
);
