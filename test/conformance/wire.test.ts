import { answerTokens, parseScript } from "@holdfast/model-server";
import type { Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ask, type Obj, rawConnect, RawReader, rawSocket } from "./raw-client.ts";
import { type Scene, startScene } from "./stack.ts";

/** SPEC.md against the whole of Holdfast, by a client that knows nothing but the page. */
let scene: Scene;
const sockets: Socket[] = [];
beforeAll(async () => {
  scene = await startScene();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(() => scene.stop());

const edge = (index: number): string => scene.stack.edgeUrls[index] ?? "";
const answer = (text: string, directives = ""): string => answerTokens(text, parseScript(directives)).join("");
let subjects = 0;
const newSubject = (): string => `user-${++subjects}`;

async function connect(subject: string, node = 0, claims: { shared?: string[]; tenant?: string } = {}): Promise<Socket> {
  const { socket } = await rawConnect(edge(node), await scene.stack.token({ subject, ...claims }));
  sockets.push(socket);
  return socket;
}

/** One subject with its session `s` open. */
async function reader(subject = newSubject(), node = 0): Promise<{ socket: Socket; reader: RawReader; subject: string }> {
  const socket = await connect(subject, node);
  const opened = new RawReader("s");
  expect(await opened.open(socket, { agent: "echo" })).toMatchObject({ ok: true });
  return { socket, reader: opened, subject };
}

const input = (seq: number, text: string): Obj => ({ seq, kind: "input", text });
const send = (socket: Socket, events: Obj[], more: Obj = {}) =>
  ask(socket, "send", { session: "s", producer: "p", events, ...more });
const ended = (turns: number) => (held: RawReader) => held.view.turns.at(-1)?.turn === turns && !held.view.running;

async function refusal(auth: Obj): Promise<unknown> {
  const socket = rawSocket(edge(0), auth);
  try {
    return await new Promise((resolve, reject) => {
      socket.on("connect_error", (error: Error & { data?: unknown }) => resolve(error.data));
      socket.on("welcome", () => reject(new Error("it was let in")));
    });
  } finally {
    socket.close();
  }
}

test("connect-3: a bad token and an unknown protocol are refused by code", async () => {
  expect(await refusal({ token: "rubbish", protocol: 1 })).toMatchObject({ code: "unauthenticated" });
  const token = await scene.stack.token({ subject: newSubject() });
  expect(await refusal({ token, protocol: 99 })).toMatchObject({ code: "protocol_unsupported" });
  const stale = await scene.stack.token({ subject: newSubject(), expiresInSeconds: -10 });
  expect(await refusal({ token: stale, protocol: 1 })).toMatchObject({ code: "token_expired" });
});

test("connect-4: the welcome comes with the limits of the page", async () => {
  const { socket, welcome } = await rawConnect(edge(0), await scene.stack.token({ subject: newSubject() }));
  sockets.push(socket);
  expect(welcome).toMatchObject({ protocol: 1, node: "edge-1", limits: { inputTextBytes: 32_768, eventsPerSend: 256 } });
});

test("open-3: a session nobody has sent anything to is a snapshot of version 0", async () => {
  const { reader: held } = await reader();
  await held.until((r) => r.last !== undefined);
  expect(held.frames[0]).toMatchObject({ type: "snapshot", snapshot: { version: 0, turns: [], running: null } });
});

test("ack-1, ack-2, frame-2 … frame-4: an input is durable, then applied, then answered in text that only grows", async () => {
  const { socket, reader: held } = await reader();
  const text = "tell me faults:slow=5ms,tokens=60";
  expect(await send(socket, [input(1, text)])).toEqual({ ok: true, durable: 1 });
  await held.until(ended(1));
  const expected = answer(text, "tokens=60");
  expect(held.view.turns).toEqual([
    { turn: 1, inputs: [{ producer: "p", seq: 1, text }], outcome: "completed", text: expected },
  ]);
  expect(held.view).toMatchObject({ version: 2, applied: { p: 1 } });
  for (const { text: shown } of held.shown) expect(expected.startsWith(shown)).toBe(true);
  expect(held.shown.length).toBeGreaterThan(3);
  expect(held.breaks).toBe(0);
});

test("send-2, send-7: repeated and overlapping batches through two edges give each input one turn, in order", async () => {
  const subject = newSubject();
  const [one, two] = [await reader(subject, 0), await reader(subject, 1)];
  const texts = ["one", "two", "three", "four", "five"];
  const events = texts.map((text, index) => input(index + 1, text));
  await Promise.all([
    send(one.socket, events.slice(0, 3)),
    send(two.socket, events.slice(0, 4)),
    send(two.socket, events.slice(0, 4)),
    send(one.socket, events.slice(0, 3)),
  ]);
  await send(one.socket, events, { after: 0 });
  await Promise.all([one.reader.until(ended(5)), two.reader.until(ended(5))]);
  expect(one.reader.view.turns.map((turn) => turn.inputs[0]?.text)).toEqual(texts);
  expect(two.reader.view).toEqual(one.reader.view);
});

test("send-5: a batch that leaves something out is refused with where to go on, and the connection lives", async () => {
  const { socket, reader: held } = await reader();
  await send(socket, [input(1, "first")]);
  expect(await send(socket, [input(3, "third")])).toMatchObject({ ok: false, error: { code: "out_of_order", after: 1 } });
  expect(await send(socket, [input(2, "second"), input(3, "third")])).toEqual({ ok: true, durable: 3 });
  await held.until(ended(3));
});

test("send-6: an event refused for good is skipped by naming the one before it", async () => {
  const { socket, reader: held } = await reader();
  await send(socket, [input(1, "fine")]);
  expect(await send(socket, [input(2, "x".repeat(40_000))])).toMatchObject({ error: { code: "too_large" } });
  expect(await send(socket, [input(3, "after it")], { after: 1 })).toEqual({ ok: true, durable: 3 });
  await held.until(ended(2));
});

test("req-2: rubbish is answered by code and the connection lives", async () => {
  const { socket } = await reader();
  expect(await ask(socket, "send", { session: "s" })).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(await send(socket, [{ seq: 1, kind: "dance" }])).toMatchObject({ error: { code: "invalid" } });
  expect(await send(socket, [input(2, "b"), input(1, "a")])).toMatchObject({ error: { code: "invalid" } });
  expect(await send(socket, [input(1, "a")], { extra: true })).toMatchObject({ error: { code: "invalid" } });
  expect(await ask(socket, "open", { session: "a/b/c" })).toMatchObject({ error: { code: "invalid" } });
  expect(await ask(socket, "open", { session: "t", agent: "nobody" })).toMatchObject({ error: { code: "unknown_agent" } });
  socket.emit("send");
  socket.emit("open", "rubbish");
  socket.emit("no such event", { a: 1 });
  expect(await send(socket, [input(1, "still here")])).toEqual({ ok: true, durable: 1 });
});

test("ids-2, connect-2: another subject's session opens with an explicit claim only, and is the same session", async () => {
  const owner = await reader();
  await send(owner.socket, [input(1, "mine")]);
  await owner.reader.until(ended(1));
  const name = `${owner.subject}/s`;
  const stranger = await connect(newSubject());
  expect(await ask(stranger, "open", { session: name })).toMatchObject({ error: { code: "forbidden" } });
  const guest = await connect(newSubject(), 1, { shared: [name] });
  const shared = new RawReader(name);
  await shared.open(guest);
  await shared.until(ended(1));
  expect(shared.view).toEqual(owner.reader.view);
  const other = await connect(newSubject(), 0, { shared: [name], tenant: "other" });
  const elsewhere = new RawReader(name);
  await elsewhere.open(other);
  await elsewhere.until((r) => r.last !== undefined);
  expect(elsewhere.view.version).toBe(0);
});

test("send-1: a session must be open on the connection", async () => {
  const socket = await connect(newSubject());
  expect(await send(socket, [input(1, "a")])).toMatchObject({ error: { code: "not_open" } });
});

test("open-2, chain-1: a reader that was away resumes right after its cursor, without a snapshot", async () => {
  const { socket, reader: held, subject } = await reader();
  await send(socket, [input(1, "before")]);
  await held.until(ended(1));
  socket.close();
  const other = await reader(subject, 1);
  await send(other.socket, [input(1, "meanwhile")], { producer: "q" });
  await other.reader.until(ended(2));
  const again = await connect(subject);
  const seen = held.frames.length;
  expect(await held.open(again)).toEqual({ ok: true, resumed: true });
  await held.until(ended(2));
  expect(held.frames.slice(seen).map((frame) => frame.type)).not.toContain("snapshot");
  expect(held.view).toEqual(other.reader.view);
});

test("open-3: a cursor the log does not have is answered with a snapshot", async () => {
  const { socket, reader: held } = await reader();
  await send(socket, [input(1, "a")]);
  await held.until(ended(1));
  held.last = "17-4";
  expect(await held.open(socket)).toEqual({ ok: true, resumed: false });
  await held.until((r) => r.frames.at(-1)?.type === "snapshot");
  expect(held.view).toMatchObject({ version: 2, turns: [{ turn: 1, text: answer("a") }] });
});

test("snap-3: who opens in the middle of a turn gets the partial text and the rest", async () => {
  const first = await reader();
  const text = "long faults:slow=20ms,tokens=80";
  await send(first.socket, [input(1, text)]);
  await first.reader.until((r) => (r.view.running?.text.length ?? 0) > 50);
  const second = await reader(first.subject, 1);
  await second.reader.until((r) => r.last !== undefined);
  expect(second.reader.view.running?.text.length).toBeGreaterThan(0);
  await Promise.all([first.reader.until(ended(1)), second.reader.until(ended(1))]);
  expect(second.reader.view).toEqual(first.reader.view);
  expect(second.reader.breaks).toBe(0);
});

test("command-1, command-2: interrupt stops the running turn, keeps its text, and a repeat gets the same answer", async () => {
  const { socket, reader: held } = await reader();
  const text = "long faults:slow=20ms,tokens=2000";
  await send(socket, [input(1, text), input(2, "next")]);
  await held.until((r) => (r.view.running?.text.length ?? 0) > 50);
  const stop = { session: "s", id: "c-1", name: "interrupt" };
  expect(await ask(socket, "command", stop)).toEqual({ ok: true, result: { turn: 1 } });
  await held.until(ended(2));
  const [stopped, next] = held.view.turns;
  expect(stopped?.outcome).toBe("interrupted");
  expect(stopped?.text.length).toBeGreaterThan(50);
  expect(answer(text, "tokens=2000").startsWith(stopped?.text ?? "x")).toBe(true);
  expect(next).toMatchObject({ outcome: "completed", text: answer("next") });
  expect(await ask(socket, "command", stop)).toEqual({ ok: true, result: { turn: 1 } });
  expect(await ask(socket, "command", { ...stop, id: "c-2" })).toEqual({ ok: true, result: { turn: null } });
});

test("command-1: unknown commands and sessions are told by code", async () => {
  const { socket } = await reader();
  const call = { session: "s", id: "c", name: "interrupt" };
  expect(await ask(socket, "command", call)).toMatchObject({ error: { code: "unknown_session" } });
  await send(socket, [input(1, "a")]);
  expect(await ask(socket, "command", { ...call, name: "fly" })).toMatchObject({ error: { code: "unknown_command" } });
  expect(await ask(socket, "command", { ...call, args: { turn: "x" } })).toMatchObject({ error: { code: "invalid" } });
});

test("turn-3, turn-5: a turn the model refuses for good fails by code, and the session goes on", async () => {
  const { socket, reader: held } = await reader();
  await send(socket, [input(1, "faults:401x*"), input(2, "and now?")]);
  await held.until(ended(2));
  expect(held.view.turns).toMatchObject([
    { outcome: "failed", error: { code: "model_refused" } },
    { outcome: "completed", text: answer("and now?") },
  ]);
});

test.each(["429x2,retry-after=1", "500x2", "cut@20", "malformed@20", "nofinish", "error@10x2"])(
  "turn-4, frame-5: after %s the text is whole and was never garbled",
  async (fault) => {
    const { socket, reader: held } = await reader();
    const text = `faults:${fault},tokens=50,slow=5ms`;
    await send(socket, [input(1, text)]);
    await held.until(ended(1), 60_000);
    const expected = answer(text, "tokens=50");
    expect(held.view.turns[0]).toMatchObject({ outcome: "completed", text: expected });
    for (const { text: shown } of held.shown) expect(expected.startsWith(shown)).toBe(true);
  },
);

test("send-3: observes change the agent's state and start no turn", async () => {
  const socket = await connect(newSubject());
  const held = new RawReader("s");
  await held.open(socket, { agent: "concierge" });
  const events = Array.from({ length: 20 }, (_, index) => ({ seq: index + 1, kind: "observe", name: "clicked" }));
  expect(await send(socket, events)).toEqual({ ok: true, durable: 20 });
  await send(socket, [input(21, "Hello from Paris")]);
  await held.until(ended(1));
  await held.until((r) => Array.isArray(r.view.state["observed"]) && r.view.state["observed"].length > 0);
  expect(held.view.state).toMatchObject({ messages: 1, observed: [{ name: "clicked", count: 20 }] });
  expect(held.view.turns).toHaveLength(1);
});

test("open-5: nothing comes after close", async () => {
  const { socket, reader: held, subject } = await reader();
  await held.until((r) => r.last !== undefined);
  expect(await ask(socket, "close", { session: "s" })).toEqual({ ok: true });
  const other = await reader(subject, 1);
  const seen = held.frames.length;
  await send(other.socket, [input(1, "anyone?")]);
  await other.reader.until(ended(1));
  expect(held.frames).toHaveLength(seen);
});

test("connect-5: renew keeps a connection past its first token; another subject's token is forbidden", async () => {
  const subject = newSubject();
  const short = await scene.stack.token({ subject, expiresInSeconds: 3 });
  const { socket } = await rawConnect(edge(0), short);
  sockets.push(socket);
  const foreign = await scene.stack.token({ subject: newSubject() });
  expect(await ask(socket, "renew", { token: foreign })).toMatchObject({ error: { code: "forbidden" } });
  const idle = (await rawConnect(edge(0), short)).socket;
  sockets.push(idle);
  const closing = new Promise((resolve) => idle.once("closing", resolve));
  const gone = new Promise((resolve) => idle.once("disconnect", resolve));
  expect(await ask(socket, "renew", { token: await scene.stack.token({ subject }) })).toEqual({ ok: true });
  expect(await closing).toMatchObject({ error: { code: "token_expired" } });
  await gone;
  expect(socket.connected).toBe(true);
});
