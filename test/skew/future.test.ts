import { connect, type HoldfastError } from "@holdfast/client";
import { ERRORS, type Snapshot, snapshotSchema, textOf, type Turn } from "@holdfast/contract";
import type { Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { patchedTree, type Tree } from "../builds/patched-tree.ts";
import { ended, input } from "../conformance/target.ts";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { readMetrics, sumOf } from "../kit/metrics.ts";
import { answerTo } from "../kit/model-calls.ts";
import { type Ack, ask, type Obj, rawConnect, RawReader, rawSocket } from "../kit/raw-client.ts";
import { askSession, temporalAt, type TemporalClient } from "../kit/temporal.ts";
import { FUTURE, VIEWER } from "./future-build.ts";

/** Today's release and a later one of the same protocol version in one Holdfast: `edge-1` is today's, all else is later. */
let tree: Tree;
let fixture: Fixture;
let temporal: TemporalClient;
const [TODAY, LATER] = [0, 1] as const;
/** What a test has opened. */
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  tree = await patchedTree(FUTURE);
  fixture = await startFixture({ source: (name) => (name === "edge-1" ? undefined : tree.root) });
  temporal = temporalAt(fixture.stack.temporalAddress);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});
afterAll(async () => {
  await temporal.connection.close();
  await fixture.close();
  await tree.remove();
});

const edge = (node: number): string => fixture.stack.edgeUrls[node] ?? "";

/** err-3, from the page alone: whatever is refused by a code it does not list is asked again. */
async function asked(request: () => Promise<Ack>): Promise<Ack> {
  for (;;) {
    const ack = await request();
    if (ack.ok || ack.error === undefined || ack.error.code in ERRORS) return ack;
  }
}

async function rawAt(node: number, subject: string): Promise<Socket> {
  const token = await fixture.stack.token({ subject });
  const connected = await rawConnect(edge(node), token).catch((refusal: { data?: { code?: string } }) => {
    expect(refusal.data?.code).toBe("moon_phase");
    return rawConnect(edge(node), token);
  });
  open.push(connected.socket);
  return connected.socket;
}

async function readerAt(node: number, subject: string): Promise<{ socket: Socket; reader: RawReader }> {
  const [socket, reader] = [await rawAt(node, subject), new RawReader("s")];
  expect(await asked(() => reader.open(socket, { agent: "echo" }))).toMatchObject({ ok: true });
  return { socket, reader };
}

/** `types`: of the frames it was given. */
async function sdkAt(node: number, subject: string) {
  const token = await fixture.stack.token({ subject });
  const client = connect({ url: edge(node), token: () => token });
  open.push(client);
  const [problems, types]: [HoldfastError[], string[]] = [[], []];
  client.on("problem", (problem) => problems.push(problem));
  const session = client.session("s", { agent: "echo" });
  session.on("frame", ({ type }) => types.push(type));
  const holds = async (turns: readonly Turn[]): Promise<void> => {
    await expect.poll(() => session.get().turns, { timeout: 30_000 }).toEqual(turns);
  };
  return { session, problems, types, holds };
}

/** What the later workflow says, as far as this page knows it. */
async function truthOf(subject: string): Promise<Snapshot> {
  const { snapshot } = await askSession(temporal, { tenant: "acme", owner: subject, name: "s" });
  expect(snapshot).toHaveProperty("title");
  return snapshotSchema.parse(snapshot);
}

async function resyncs(node: number): Promise<number> {
  return sumOf(await readMetrics(edge(node)), "holdfast_edge_resyncs_total");
}

test("version-3, version-4: today's clients talk through either edge with later workers, and every reader holds the same", async () => {
  const subject = "reader";
  const [today, later] = [await readerAt(TODAY, subject), await readerAt(LATER, subject)];
  const [sdkToday, sdkLater] = [await sdkAt(TODAY, subject), await sdkAt(LATER, subject)];
  await sdkLater.session.send("one faults:slow=5ms,tokens=60").durable;
  await sdkToday.session.send("two").durable;
  const send = { session: "s", producer: "raw", events: [input(1, "three")] };
  expect(await asked(() => ask(later.socket, "send", send))).toMatchObject({ ok: true, durable: 1, later: {} });

  await Promise.all([today, later].map(({ reader }) => reader.until(ended(3))));
  const truth = await truthOf(subject);
  const answers = [answerTo("one faults:slow=5ms,tokens=60"), answerTo("two"), answerTo("three")];
  expect(truth.turns.map(textOf)).toEqual(answers);
  for (const { session, problems, holds } of [sdkToday, sdkLater]) {
    await holds(truth.turns);
    expect(session.get().version).toBe(truth.version);
    expect(session.get().lag).toEqual({ unacked: 0, unapplied: 0 });
    expect(problems).toEqual([]);
  }
  for (const { reader } of [today, later]) {
    expect(snapshotSchema.parse(reader.view)).toEqual(truth);
    expect(reader.breaks).toBe(0);
    const types = reader.frames.map(({ type }) => type);
    expect(types.filter((type) => type === "snapshot")).toHaveLength(1);
    expect(types.filter((type) => type === "turn.usage").length).toBeGreaterThan(0);
    const added = reader.frames.filter(({ type }) => type !== "snapshot" && type !== "turn.usage");
    expect(added.filter((frame) => !("later" in frame))).toEqual([]);
  }
  expect(await resyncs(TODAY)).toBe(0);
  expect(await resyncs(LATER)).toBe(0);

  const late = await sdkAt(TODAY, subject);
  await late.holds(truth.turns);
});

test("version-2, version-3: a part of an unknown type, which takes another protocol version, is a gap; the rest of its turn is right", async () => {
  const { reader } = await readerAt(LATER, VIEWER);
  const clients = [await sdkAt(TODAY, VIEWER), await sdkAt(LATER, VIEWER)];
  for (const { types } of clients) await expect.poll(() => types, { timeout: 30_000 }).toEqual(["snapshot"]);
  const questions = ["one faults:slow=20ms,tokens=60", "two"];
  for (const question of questions) await clients[0]?.session.send(question).durable;
  await reader.until(ended(2));
  expect(reader.frames.filter(({ part }) => part?.type === "hologram")).toHaveLength(1);
  const truth = await truthOf(VIEWER);
  expect(truth.turns.map(textOf)).toEqual(questions.map((question) => answerTo(question)));
  for (const { problems, types, holds } of clients) {
    await holds(truth.turns);
    expect(problems).toMatchObject([{ code: "bad_answer", message: expect.stringContaining("part") }]);
    // chain-3: it opened again without a cursor.
    expect(types.filter((type) => type === "snapshot").length).toBeGreaterThan(1);
  }
});

test("open-2, version-4: a place in the log got from one release's edge is resumed at the other's, both ways", async () => {
  const subject = "wanderer";
  const reader = new RawReader("s");
  for (const [turns, node] of [LATER, TODAY, LATER, TODAY].entries()) {
    const socket = await rawAt(node, subject);
    const opened = await asked(() => reader.open(socket, { agent: "echo" }));
    expect(opened).toMatchObject({ ok: true, resumed: turns > 0 });
    const send = { session: "s", producer: `p${turns}`, events: [input(1, `turn ${turns + 1}`)] };
    expect(await asked(() => ask(socket, "send", send))).toMatchObject({ ok: true });
    await reader.until(ended(turns + 1));
    socket.close();
  }
  expect(reader.frames.filter(({ type }) => type === "snapshot")).toHaveLength(1);
  expect(snapshotSchema.parse(reader.view)).toEqual(await truthOf(subject));
});

test("version-5: today's edge refuses by code what a later client asks, and serves the rest on the same connection", async () => {
  const subject = "visitor";
  const token = await fixture.stack.token({ subject });
  const socket = rawSocket(edge(TODAY), { token, protocol: 1, wants: ["wishes"], revision: 4 });
  open.push(socket);
  await new Promise((resolve, reject) => {
    socket.once("welcome", resolve);
    socket.once("connect_error", reject);
  });
  const reader = new RawReader("s");
  expect(await reader.open(socket, { agent: "echo" })).toMatchObject({ ok: true });
  const send = (event: Obj, more: Obj = {}): Obj => ({ session: "s", producer: "p", events: [event], ...more });
  const command = (name: string, more: Obj): Obj => ({ session: "s", id: name, name, ...more });
  const refuses = async (code: string, event: string, request: Obj): Promise<void> =>
    expect(await ask(socket, event, request)).toMatchObject({ ok: false, error: { code } });
  await refuses("invalid", "open", { session: "t", agent: "echo", since: "yesterday" });
  await refuses("invalid", "send", send(input(1, "a"), { urgency: 9 }));
  await refuses("invalid", "send", send({ ...input(1, "a"), mood: "glad" }));
  await refuses("invalid", "send", send({ seq: 1, kind: "gesture", shape: "wave" }));
  await refuses("unknown_request", "wish", { session: "s", wish: "rain" });
  expect(await ask(socket, "send", send(input(2, "a"), { after: 0 }))).toMatchObject({ ok: true, durable: 2 });
  await reader.until(ended(1));
  await refuses("unknown_command", "command", command("rewrite", { args: { turn: 1 } }));
  await refuses("invalid", "command", command("interrupt", { reason: "tired" }));
  expect(reader.view.turns.map(({ inputs }) => inputs.map(({ seq }) => seq))).toEqual([[2]]);
  expect(reader.breaks).toBe(0);
});

test("version-1: a client of the next protocol version is refused by a code that says what to do, at either edge", async () => {
  for (const node of [TODAY, LATER]) {
    const socket = rawSocket(edge(node), { credentials: "of another kind", protocol: 2 });
    open.push(socket);
    const refusal = await new Promise((resolve) => {
      socket.once("connect_error", (error: Error & { data?: unknown }) => resolve(error.data));
    });
    expect(refusal).toMatchObject({
      code: "protocol_unsupported",
      message: expect.stringMatching(/version 1 .*Use a client that speaks a protocol version this edge supports/),
    });
  }
});
