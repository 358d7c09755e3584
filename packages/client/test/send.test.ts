import { LIMITS, wireError, type SendAck } from "@holdfast/contract";
import { expect, test } from "vitest";
import { codeOf, eventually, live, quickClient, startEdge, viewOf } from "./harness.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";

const texts = (edge: ScriptedEdge): string[] =>
  edge.world.session("chat").taken.map(({ event }) => (event.kind === "input" ? event.text : event.name));

test("send-4, send-1: events sent in one go travel in one request, numbered over both kinds", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  await live(session);
  const receipts = [session.send("one"), session.observe("two", { x: 1 }), session.send("three")];
  expect(receipts.map((receipt) => receipt.seq)).toEqual([1, 2, 3]);
  await Promise.all(receipts.map((receipt) => receipt.durable));
  expect(edge.sends).toHaveLength(1);
  expect(texts(edge)).toEqual(["one", "two", "three"]);
});

test("ack-2: an observe is applied when durable", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  await session.observe("click").applied;
  expect(session.get().lag).toEqual({ unacked: 0, unapplied: 0 });
  expect(session.get().pending).toEqual([]);
});

test("what is sent before there is a connection waits for it", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const receipt = session.send("early");
  await receipt.durable;
  expect(texts(edge)).toEqual(["early"]);
});

test("limit eventsPerSend: a long queue is cut into requests, several in flight, in order", async () => {
  const edge = await startEdge();
  edge.limits = { ...LIMITS, eventsPerSend: 10 };
  const session = quickClient([edge]).session("chat");
  await live(session);
  const receipts = Array.from({ length: 95 }, (_, i) => session.observe(`n${i}`));
  await Promise.all(receipts.map((receipt) => receipt.durable));
  expect(edge.sends).toHaveLength(10);
  expect(texts(edge)).toEqual(Array.from({ length: 95 }, (_, i) => `n${i}`));
  expect(edge.violations).toEqual([]);
});

test.each(["busy", "rate_limited", "unavailable", "internal", "draining"] as const)(
  "err-2, send-5: after `%s` everything not durable is sent again, in order, once taken",
  async (code) => {
    const edge = await startEdge();
    edge.limits = { ...LIMITS, eventsPerSend: 2 };
    let refusals = 0;
    edge.script.send = (_request, proceed) =>
      refusals++ < 2 ? { ok: false, error: wireError(code, undefined, { retryAfterMs: 1 }) } : proceed();
    const session = quickClient([edge]).session("chat");
    const receipts = Array.from({ length: 7 }, (_, i) => session.send(`${i}`));
    await Promise.all(receipts.map((receipt) => receipt.durable));
    expect(texts(edge)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
  },
);

test("send-5: requests behind a refused one are refused, and sent again behind it", async () => {
  const edge = await startEdge();
  edge.limits = { ...LIMITS, eventsPerSend: 1 };
  const session = quickClient([edge]).session("chat");
  await session.send("first").durable;
  let refused = false;
  edge.script.send = ({ events }, proceed) => {
    if (events[0]?.seq !== 2 || refused) return proceed();
    refused = true;
    return { ok: false, error: wireError("busy", undefined, { retryAfterMs: 1 }) };
  };
  const receipts = ["a", "b", "c"].map((text) => session.send(text));
  await Promise.all(receipts.map((receipt) => receipt.durable));
  expect(edge.sends.map((request) => request.events[0]?.seq)).toEqual([1, 2, 3, 4, 2, 3, 4]);
  expect(texts(edge)).toEqual(["first", "a", "b", "c"]);
});

test("ack-3, req-3: without an answer in time the events are sent again on the same connection, harmlessly (send-7)", async () => {
  const edge = await startEdge();
  let silent = 1;
  edge.script.send = (_request, proceed) => {
    const ack = proceed();
    return silent-- > 0 ? "silence" : ack;
  };
  const session = quickClient([edge], { bounds: { requestTimeoutMs: 50 } }).session("chat");
  await session.send("once").durable;
  expect(edge.sends.length).toBeGreaterThan(1);
  expect(texts(edge)).toEqual(["once"]);
  expect(edge.auths).toHaveLength(1);
});

test("err-2: requests that fail together are one failure, and one step of the back-off", async () => {
  const edge = await startEdge();
  edge.limits = { ...LIMITS, eventsPerSend: 1 };
  let draws = 0;
  const random = (): number => {
    draws++;
    return 0;
  };
  const session = quickClient([edge], { bounds: { requestTimeoutMs: 200 }, random }).session("chat");
  await session.send("first").durable;
  draws = 0;
  edge.script.send = (_request, proceed) => (edge.sends.length > 6 ? proceed() : "silence");
  const receipts = ["a", "b", "c", "d", "e"].map((text) => session.send(text));
  await Promise.all(receipts.map((receipt) => receipt.durable));
  expect(draws).toBe(1);
  expect(texts(edge)).toEqual(["first", "a", "b", "c", "d", "e"]);
});

test("ack-1: an answer that comes late counts, and what is left does not wait out its delay", async () => {
  const edge = await startEdge();
  const answer = Promise.withResolvers<SendAck>();
  edge.script.send = (_request, proceed) => {
    delete edge.script.send;
    const ack = proceed();
    return answer.promise.then(() => ack);
  };
  // Of an hour's delay: nearly all of it at first, then nothing.
  const draws = [0.99];
  const bounds = { requestTimeoutMs: 50, backoffBaseMs: 3_600_000, backoffMaxMs: 3_600_000 };
  const session = quickClient([edge], { bounds, random: () => draws.shift() ?? 0 }).session("chat");
  await live(session);
  draws[0] = 0.99;
  const first = session.send("first");
  await eventually(() => expect(draws).toEqual([]));
  const second = session.send("second");
  answer.resolve({ ok: true, durable: 1 });
  await first.durable;
  await second.durable;
  expect(edge.sends.map(({ events }) => events.map(({ seq }) => seq))).toEqual([[1], [2]]);
  expect(texts(edge)).toEqual(["first", "second"]);
});

test("ack-3: what was taken but not answered before the connection was lost is sent again, and taken once", async () => {
  const edge = await startEdge();
  edge.script.send = (_request, proceed) => {
    proceed();
    delete edge.script.send;
    edge.drop();
    return "silence";
  };
  const session = quickClient([edge]).session("chat");
  await Promise.all([session.send("a"), session.send("b")].map((receipt) => receipt.durable));
  expect(edge.sends).toHaveLength(2);
  expect(texts(edge)).toEqual(["a", "b"]);
});

test("ack-2: an input that is seen applied is durable, also when its answer never comes", async () => {
  const edge = await startEdge();
  edge.script.send = (_request, proceed) => {
    proceed();
    edge.world.session("chat").startTurn();
    return "silence";
  };
  const session = quickClient([edge]).session("chat");
  const receipt = session.send("hello");
  await receipt.applied;
  await receipt.durable;
  expect(session.get()).toMatchObject({ pending: [], lag: { unacked: 0, unapplied: 0 } });
});

test("send-6: an event the edge refuses for good is found among many, reported, and skipped in `after`", async () => {
  const edge = await startEdge();
  edge.script.send = ({ events }, proceed): SendAck =>
    events.some((event) => event.kind === "input" && event.text === "bad")
      ? { ok: false, error: wireError("invalid", "events: no.") }
      : proceed();
  const session = quickClient([edge]).session("chat");
  await live(session);
  const refusals: string[] = [];
  session.on("refused", (event, error) => refusals.push(`${event.seq} ${error.code}`));
  const receipts = ["a", "b", "bad", "c", "d", "bad", "e"].map((text) => session.send(text));
  const last = receipts.at(-1);
  await last?.durable;
  expect(texts(edge)).toEqual(["a", "b", "c", "d", "e"]);
  expect(refusals).toEqual(["3 invalid", "6 invalid"]);
  expect(await codeOf(receipts[2]?.durable ?? Promise.resolve())).toBe("invalid");
  expect(await codeOf(receipts[2]?.applied ?? Promise.resolve())).toBe("invalid");
  expect(session.get().pending.map((input) => `${input.seq} ${input.status}`)).toEqual([
    "1 durable",
    "2 durable",
    "3 refused",
    "4 durable",
    "5 durable",
    "6 refused",
    "7 durable",
  ]);
  for (const input of session.get().pending) session.dismiss(input);
  expect(session.get().pending.map((input) => input.seq)).toEqual([1, 2, 4, 5, 7]);
  expect(edge.violations).toEqual([]);
});

test("send-6: what the client itself finds wrong never reaches the edge, and what follows does", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const refused = session.send("x".repeat(LIMITS.inputTextBytes + 1));
  expect(await codeOf(refused.durable)).toBe("too_large");
  expect(await codeOf(session.send("").durable)).toBe("invalid");
  await session.send("fine").durable;
  expect(edge.sends).toMatchObject([{ after: 0, events: [{ seq: 3 }] }]);
});

test("a full outbox refuses at once, and takes events again when it has emptied", async () => {
  const edge = await startEdge();
  const session = quickClient([edge], { bounds: { outboxEvents: 2 } }).session("chat");
  const receipts = [session.observe("a"), session.observe("b"), session.observe("c")];
  expect(await codeOf(receipts[2]?.durable ?? Promise.resolve())).toBe("outbox_full");
  await receipts[1]?.durable;
  await session.observe("d").durable;
  expect(texts(edge)).toEqual(["a", "b", "d"]);
});

test("send-1, err-2: `not_open` opens the session again and sends then", async () => {
  const edge = await startEdge();
  let once = true;
  edge.script.send = (_request, proceed) => {
    if (!once) return proceed();
    once = false;
    return { ok: false, error: wireError("not_open") };
  };
  const session = quickClient([edge]).session("chat");
  await session.send("hello").durable;
  expect(edge.opens).toHaveLength(2);
  expect(texts(edge)).toEqual(["hello"]);
});

test("send-5: on a new connection the first batch begins after what is durable", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  await session.send("one").durable;
  edge.drop();
  await eventually(() => expect(edge.opens).toHaveLength(2));
  await session.send("two").durable;
  expect(edge.sends.map((request) => request.events.map((event) => event.seq))).toEqual([[1], [2]]);
  expect(texts(edge)).toEqual(["one", "two"]);
});

test("closing rejects what is not settled, with `closed`, and refuses what is sent afterwards", async () => {
  const edge = await startEdge();
  edge.script.send = () => "silence";
  const session = quickClient([edge]).session("chat");
  const receipt = session.send("hello");
  await eventually(() => expect(edge.sends).toHaveLength(1));
  await session.close();
  expect(await codeOf(receipt.durable)).toBe("closed");
  expect(await codeOf(session.send("late").applied)).toBe("closed");
  await eventually(() => expect(edge.closes).toEqual(["chat"]));
});

test("frame-2: several inputs are applied one turn at a time", async () => {
  const edge = await startEdge();
  const session = quickClient([edge]).session("chat");
  const receipts = ["a", "b"].map((text) => session.send(text));
  await Promise.all(receipts.map((receipt) => receipt.durable));
  const scripted = edge.world.session("chat");
  scripted.answer("A");
  await receipts[0]?.applied;
  expect(session.get().pending).toMatchObject([{ seq: 2, status: "durable" }]);
  scripted.answer("B");
  const view = await viewOf(session, ({ turns }) => turns.length === 2);
  expect(view.turns.map((turn) => turn.inputs[0]?.text)).toEqual(["a", "b"]);
});
