import { expect, test } from "vitest";
import { answerTo } from "../kit/model-calls.ts";
import { ask, type Obj, RawReader, rawSocket, rawText } from "../kit/raw-client.ts";
import { can, codeOf, ended, input, Target } from "./target.ts";

/** SPEC.md against the whole of Holdfast, by a client that knows nothing but the page: connecting, sending, commanding. */
const target = Target.ofFile();

function refusal(auth: Obj): Promise<unknown> {
  const socket = rawSocket(target.edge(0), auth);
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  socket.on("connect_error", (error: Error & { data?: unknown }) => resolve(error.data));
  socket.on("welcome", () => reject(new Error("it was let in")));
  return promise.finally(() => socket.close());
}

test("connect-3: a bad token and an unknown protocol are refused by code", async () => {
  expect(await refusal({ token: "rubbish", protocol: 1 })).toMatchObject({ code: "unauthenticated" });
  const token = await target.token({ subject: target.newSubject() });
  expect(await refusal({ token, protocol: 99 })).toMatchObject({ code: "protocol_unsupported" });
});

test.runIf(can("secret"))("connect-3: a token that has expired is refused by code", async () => {
  const stale = await target.token({ subject: target.newSubject(), expiresInSeconds: -10 });
  expect(await refusal({ token: stale, protocol: 1 })).toMatchObject({ code: "token_expired" });
});

test("connect-4: the welcome comes with the limits of the page", async () => {
  const { welcome } = await target.connected(0, await target.token({ subject: target.newSubject() }));
  const limits = { inputTextBytes: 32_768, eventsPerSend: 256 };
  expect(welcome).toMatchObject({ protocol: 1, node: expect.any(String), limits });
});

test("send-2, send-7: repeated and overlapping batches through two edges give each input one turn, in order", async () => {
  const one = await target.visit();
  const two = await target.visit(one, 1);
  const texts = ["one", "two", "three", "four", "five"];
  const events = texts.map((text, index) => input(index + 1, text));
  const [three, four] = [events.slice(0, 3), events.slice(0, 4)];
  await Promise.all([one.send(three), two.send(four), two.send(four), one.send(three)]);
  await one.send(events, { after: 0 });
  await Promise.all([one.reader.until(ended(5)), two.reader.until(ended(5))]);
  expect(one.reader.view.turns.map((turn) => turn.inputs[0]?.text)).toEqual(texts);
  expect(two.reader.view).toEqual(one.reader.view);
});

test("send-5: a batch that leaves something out is refused with where to go on, and the connection lives", async () => {
  const { send, reader: held } = await target.visit();
  await send([input(1, "first")]);
  const refused = { ok: false, error: { code: "out_of_order", after: 1 } };
  expect(await send([input(3, "third")])).toMatchObject(refused);
  expect(await send([input(2, "second"), input(3, "third")])).toEqual({ ok: true, durable: 3 });
  await held.until(ended(3));
});

test("send-6: an event refused for good is skipped by naming the one before it", async () => {
  const { send, reader: held } = await target.visit();
  await send([input(1, "fine")]);
  expect(await codeOf(send([input(2, "x".repeat(40_000))]))).toBe("too_large");
  expect(await send([input(3, "after it")], { after: 1 })).toEqual({ ok: true, durable: 3 });
  await held.until(ended(2));
});

test("req-2: rubbish is answered by code and the connection lives", async () => {
  const { socket, send, session } = await target.visit();
  expect(await codeOf(ask(socket, "send", { session }))).toBe("invalid");
  expect(await codeOf(send([{ seq: 1, kind: "dance" }]))).toBe("invalid");
  expect(await codeOf(send([input(2, "b"), input(1, "a")]))).toBe("invalid");
  expect(await codeOf(send([input(1, "a")], { extra: true }))).toBe("invalid");
  expect(await codeOf(ask(socket, "open", { session: "a/b/c" }))).toBe("invalid");
  expect(await codeOf(ask(socket, "open", { session: "t", agent: "nobody" }))).toBe("unknown_agent");
  socket.emit("send");
  socket.emit("open", "rubbish");
  socket.emit("no such event", { a: 1 });
  expect(await send([input(1, "still here")])).toEqual({ ok: true, durable: 1 });
});

test.runIf(can("secret"))(
  "ids-2, connect-2: another subject's session opens with an explicit claim only, and is the same session",
  async () => {
    const { owner, guest } = await target.meet();
    await owner.say(1, "mine");
    const name = guest.session;
    const stranger = await target.connect(target.newSubject());
    expect(await codeOf(ask(stranger, "open", { session: name }))).toBe("forbidden");
    await guest.reader.until(ended(1));
    expect(guest.reader.view).toEqual(owner.reader.view);
    const other = await target.connect(target.newSubject(), 0, { shared: [name], tenant: "other" });
    const elsewhere = new RawReader(name);
    await elsewhere.open(other);
    await elsewhere.until((r) => r.last !== undefined);
    expect(elsewhere.view.version).toBe(0);
  },
);

test("send-1: a session must be open on the connection", async () => {
  const socket = await target.connect(target.newSubject());
  const request = { session: "nobody-opened-it", producer: "p", events: [input(1, "a")] };
  expect(await codeOf(ask(socket, "send", request))).toBe("not_open");
});

test.runIf(can("script"))(
  "command-1, command-2: interrupt stops the running turn, keeps its text, and a repeat gets the same answer",
  async () => {
    const { socket, send, session, reader: held } = await target.visit();
    const text = "long faults:slow=20ms,tokens=2000";
    await send([input(1, text), input(2, "next")]);
    await held.until((r) => rawText(r.view.running).length > 50);
    const stop = { session, id: "c-1", name: "interrupt" };
    expect(await ask(socket, "command", stop)).toEqual({ ok: true, result: { turn: 1 } });
    await held.until(ended(2));
    const [stopped, next] = held.view.turns;
    expect(stopped?.outcome).toBe("interrupted");
    expect(rawText(stopped).length).toBeGreaterThan(50);
    expect(answerTo(text).startsWith(rawText(stopped) || "x")).toBe(true);
    expect(next?.outcome).toBe("completed");
    expect(rawText(next)).toBe(answerTo("next"));
    expect(await ask(socket, "command", stop)).toEqual({ ok: true, result: { turn: 1 } });
    expect(await ask(socket, "command", { ...stop, id: "c-2" })).toEqual({ ok: true, result: { turn: null } });
  },
);

test("command-1: unknown commands and sessions are told by code", async () => {
  const { socket, send, session } = await target.visit();
  const refusalOf = (call: Obj) => codeOf(ask(socket, "command", { session, id: "c", name: "interrupt", ...call }));
  expect(await refusalOf({})).toBe("unknown_session");
  await send([input(1, "a")]);
  expect(await refusalOf({ name: "fly" })).toBe("unknown_command");
  expect(await refusalOf({ args: { turn: "x" } })).toBe("invalid");
});

test.runIf(can("script"))(
  "turn-3, turn-5: a turn the model refuses for good fails by code, and the session goes on",
  async () => {
    const { send, reader: held } = await target.visit();
    await send([input(1, "faults:401x*"), input(2, "and now?")]);
    await held.until(ended(2));
    expect(held.view.turns).toMatchObject([
      { outcome: "failed", error: { code: "model_refused" } },
      { outcome: "completed" },
    ]);
    expect(rawText(held.view.turns[1])).toBe(answerTo("and now?"));
  },
);

test.runIf(can("concierge"))("send-3: observes change the agent's state and start no turn", async () => {
  const socket = await target.connect(target.newSubject());
  const held = new RawReader("s");
  await held.open(socket, { agent: "concierge" });
  const send = (of: Obj[]) => ask(socket, "send", { session: "s", producer: "p", events: of });
  const events = Array.from({ length: 20 }, (_, index) => ({ seq: index + 1, kind: "observe", name: "clicked" }));
  expect(await send(events)).toEqual({ ok: true, durable: 20 });
  await send([input(21, "Hello from Paris")]);
  await held.until(ended(1));
  await held.until((r) => Array.isArray(r.view.state["observed"]) && r.view.state["observed"].length > 0);
  expect(held.view.state).toMatchObject({ messages: 1, observed: [{ name: "clicked", count: 20 }] });
  expect(held.view.turns).toHaveLength(1);
});

test.runIf(can("secret"))(
  "connect-5: renew keeps a connection past its first token; another subject's token is forbidden",
  async () => {
    const subject = target.newSubject();
    const short = await target.token({ subject, expiresInSeconds: 3 });
    const { socket } = await target.connected(0, short);
    const foreign = await target.token({ subject: target.newSubject() });
    expect(await codeOf(ask(socket, "renew", { token: foreign }))).toBe("forbidden");
    const { socket: idle } = await target.connected(0, short);
    const closing = new Promise((resolve) => idle.once("closing", resolve));
    const gone = new Promise((resolve) => idle.once("disconnect", resolve));
    expect(await ask(socket, "renew", { token: await target.token({ subject }) })).toEqual({ ok: true });
    expect(await closing).toMatchObject({ error: { code: "token_expired" } });
    await gone;
    expect(socket.connected).toBe(true);
  },
);
