import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS, workflowIdOf, type SessionKey } from "@holdfast/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Edge } from "../src/edge.ts";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { Fixture } from "./fixture.ts";
import { input, observe, TestClient } from "./client.ts";

let fixture: Fixture;
let edge: Edge;
const open: TestClient[] = [];
beforeAll(async () => {
  fixture = await Fixture.start();
  [edge] = await Promise.all([fixture.startEdge(), fixture.startWorker()]);
});
afterEach(() => {
  for (const client of open.splice(0)) client.leave();
});
afterAll(() => fixture.stop());

let subjects = 0;
async function connect(
  subject = `user-${++subjects}`,
): Promise<{ client: TestClient; key: SessionKey; subject: string }> {
  const client = await TestClient.connect(edge.url, subject);
  open.push(client);
  expect(await client.open("s")).toMatchObject({ ok: true });
  return { client, key: { tenant: "acme", owner: subject, name: "s" }, subject };
}

async function seqs(key: SessionKey): Promise<number[]> {
  const batches = await fixture.received(key);
  return batches.flatMap(({ runs }) => runs.flatMap((run) => run.events.map(({ seq }) => seq)));
}

test("ack-1: durable means that Temporal has it, in the order it was sent", async () => {
  const { client, key } = await connect();
  const acks = await Promise.all([1, 2, 3, 4, 5].map((seq) => client.send("s", [input(seq)])));
  expect(acks).toEqual([1, 2, 3, 4, 5].map((seq) => ({ ok: true, durable: seq })));
  expect(await seqs(key)).toEqual([1, 2, 3, 4, 5]);
  const { memo, type, taskQueue } = await fixture.temporalClient.workflow.getHandle(workflowIdOf(key)).describe();
  expect({ memo, type, taskQueue }).toEqual({
    memo: { tenant: "acme", owner: key.owner, agent: "echo" },
    type: "session",
    taskQueue: "holdfast-sessions",
  });
});

test("natural batching: what comes together goes in few signals", async () => {
  const { client, key } = await connect();
  await Promise.all(Array.from({ length: 100 }, (_, index) => client.send("s", [observe(index + 1)])));
  expect((await fixture.received(key)).length).toBeLessThan(50);
  expect(await seqs(key)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
});

test("send-1: a session must be open on this connection; ids-2: under the name it was opened by", async () => {
  const { client, subject } = await connect();
  expect(await client.send("other", [input(1)])).toMatchObject({ error: { code: "not_open" } });
  expect(await client.send(`${subject}/s`, [input(1)])).toMatchObject({ error: { code: "not_open" } });
  expect(await client.open(`${subject}/s`)).toMatchObject({ ok: true });
  expect(await client.send(`${subject}/s`, [input(1)])).toEqual({ ok: true, durable: 1 });
  await client.closeSession("s");
  expect(await client.send("s", [input(2)])).toMatchObject({ error: { code: "not_open" } });
});

test("ids-2: another subject's session is forbidden without a claim; a name that is none is invalid", async () => {
  const { client } = await connect();
  expect(await client.open("someone/s")).toMatchObject({ error: { code: "forbidden" } });
  expect(await client.command("someone/s", "c", "echo")).toMatchObject({ error: { code: "forbidden" } });
  expect(await client.open("a/b/c")).toMatchObject({ error: { code: "invalid" } });
  expect(await client.open("s", { agent: "nobody" })).toMatchObject({ error: { code: "unknown_agent" } });
});

test("send-5: several sends in flight, one refused: those behind it are refused too, and nothing overtakes", async () => {
  const { client, key } = await connect();
  const acks = await Promise.all([
    client.send("s", [input(1), input(2)]),
    client.send("s", [{ seq: 3, kind: "dance" }]),
    client.send("s", [input(4)]),
    client.send("s", [input(5)]),
  ]);
  expect(acks).toMatchObject([
    { ok: true, durable: 2 },
    { error: { code: "invalid" } },
    { error: { code: "out_of_order", after: 2 } },
    { error: { code: "out_of_order", after: 2 } },
  ]);
  // send-6: the client drops 3 for good.
  expect(await client.send("s", [input(4), input(5)], { after: 2 })).toEqual({ ok: true, durable: 5 });
  expect(await seqs(key)).toEqual([1, 2, 4, 5]);
});

test("send-5: a first batch refused before its content is looked at holds back those behind it", async () => {
  const { client, key } = await connect();
  await client.closeSession("s");
  const [refused, opened, behind] = await Promise.all([
    client.send("s", [input(1)]),
    client.open("s"),
    client.send("s", [input(2)]),
  ]);
  expect(refused).toMatchObject({ error: { code: "not_open" } });
  expect(opened).toMatchObject({ ok: true });
  expect(behind).toMatchObject({ error: { code: "out_of_order", after: 0 } });
  expect(await client.send("s", [input(1), input(2)])).toEqual({ ok: true, durable: 2 });
  expect(await seqs(key)).toEqual([1, 2]);
});

test("send-5: the first batch on a connection sets the start, whatever went before on others", async () => {
  const { client, subject } = await connect();
  await client.send("s", [input(1)]);
  const { client: again } = await connect(subject);
  expect(await again.send("s", [input(2)])).toEqual({ ok: true, durable: 2 });
});

test("limit-1: sizes are answered too_large, and the connection lives", async () => {
  const { client } = await connect();
  const tooLarge = { ok: false, error: { code: "too_large" } };
  expect(await client.send("s", [input(1, "ü".repeat(LIMITS.inputTextBytes / 2 + 1))])).toMatchObject(tooLarge);
  const data = "x".repeat(LIMITS.eventBytes);
  expect(await client.send("s", [{ ...observe(1), data }])).toMatchObject(tooLarge);
  expect(await client.send("s", [input(1, "x".repeat(LIMITS.inputTextBytes))])).toEqual({ ok: true, durable: 1 });
});

test("limit-1: sessionsPerConnection", async () => {
  const { client } = await connect();
  const names = Array.from({ length: LIMITS.sessionsPerConnection }, (_, index) => `n${index}`);
  const acks = await Promise.all(names.map((name) => client.open(name)));
  expect(acks.filter(({ ok }) => ok)).toHaveLength(LIMITS.sessionsPerConnection - 1);
  expect(acks.at(-1)).toMatchObject({ error: { code: "busy", retryAfterMs: expect.any(Number) } });
  await client.closeSession("n0");
  expect(await client.open("one more")).toMatchObject({ error: { code: "invalid" } });
  expect(await client.open("one-more")).toMatchObject({ ok: true });
});

test("limit-1: unappliedInputs is busy until turns take inputs; observes still pass", async () => {
  const { client, key } = await connect();
  const writer = new LogWriter(await fixture.openLog(), key);
  const events = Array.from({ length: LIMITS.unappliedInputs }, (_, index) => input(index + 1));
  expect(await client.send("s", events)).toEqual({ ok: true, durable: LIMITS.unappliedInputs });
  const next = LIMITS.unappliedInputs + 1;
  expect(await client.send("s", [input(next)])).toMatchObject({
    error: { code: "busy", retryAfterMs: expect.any(Number) },
  });
  expect(await client.send("s", [observe(1)], { producer: "q" })).toEqual({ ok: true, durable: 1 });
  await writer.begin({ [`${key.owner}/p`]: 10 });
  await client.until(() => client.of("s").view.applied[`${key.owner}/p`] === 10);
  expect(await client.send("s", [input(next)])).toEqual({ ok: true, durable: next });
});

test("limit-4: a guest who floods a shared session is refused, and the owner is heard", async () => {
  const { client: owner, subject } = await connect();
  const ref = `${subject}/s`;
  const guests = await Promise.all(["g1", "g2"].map((name) => TestClient.connect(edge.url, name, { shared: [ref] })));
  open.push(...guests);
  const flood = await Promise.all(
    guests.map(async (guest, index) => {
      expect(await guest.open(ref)).toMatchObject({ ok: true });
      const sends = Array.from({ length: 40 }, (_, at) => {
        const events = Array.from({ length: 10 }, (__, event) => input(event + 1, "x".repeat(500)));
        return guest.send(ref, events, { producer: `flood-${index}-${at}` });
      });
      return Promise.all(sends);
    }),
  );
  expect(new Set(flood.flat().map((ack) => (ack.ok ? "taken" : ack.error.code)))).toEqual(new Set(["taken", "busy"]));
  for (let seq = 1; seq <= 20; seq++) expect(await owner.send("s", [input(seq)])).toEqual({ ok: true, durable: seq });
});

test("limit-2: new sessions of a subject are limited; those that are there go on, and other subjects begin theirs", async () => {
  const strict = await fixture.startEdge({ HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_SUBJECT: "3" });
  const client = await TestClient.connect(strict.url, "prolific");
  const other = await TestClient.connect(strict.url, "modest");
  open.push(client, other);
  const begin = async (who: TestClient, name: string) => {
    expect(await who.open(name)).toMatchObject({ ok: true });
    return who.send(name, [input(1)]);
  };
  for (const name of ["a", "b", "c"]) expect(await begin(client, name)).toEqual({ ok: true, durable: 1 });
  expect(await begin(client, "d")).toMatchObject({
    error: { code: "rate_limited", retryAfterMs: expect.any(Number), message: expect.stringContaining("new sessions") },
  });
  expect(await client.send("a", [input(2)])).toEqual({ ok: true, durable: 2 });
  expect(await begin(other, "d")).toEqual({ ok: true, durable: 1 });
});

test("limit-1: marks this edge missed come with a snapshot, so that busy ends", async () => {
  const { client, key } = await connect();
  // Read before there is a workflow, so that nothing is cached that this test then makes untrue.
  await client.until(() => client.of("s").last !== undefined);
  const events = Array.from({ length: LIMITS.unappliedInputs }, (_, index) => input(index + 1));
  await client.send("s", events);
  const applied = { [`${key.owner}/p`]: LIMITS.unappliedInputs };
  const snapshot = { ...client.of("s").view, agent: "echo", version: 0, applied };
  await fixture.hold({ key, epoch: 1, snapshot });
  // What the log holds was verified, and would be believed.
  await fixture.forget(key);
  const next = LIMITS.unappliedInputs + 1;
  let ack = await client.send("s", [input(next)]);
  while (!ack.ok && ack.error.code === "busy") {
    await sleep(ack.error.retryAfterMs);
    ack = await client.send("s", [input(next)]);
  }
  expect(ack).toEqual({ ok: true, durable: next });
});

test("command-1: answered by the session; a repeat of its id is answered as the first", async () => {
  const { client } = await connect();
  expect(await client.command("s", "c-1", "echo")).toMatchObject({ error: { code: "unknown_session" } });
  await client.send("s", [input(1)]);
  const first = await client.command("s", "c-1", "echo", { a: [1, { b: null }] });
  expect(first).toMatchObject({ ok: true, result: { args: { a: [1, { b: null }] } } });
  expect(await client.command("s", "c-1", "echo", { a: "other" })).toEqual(first);
  expect(await client.command("s", "c-2", "refuse")).toMatchObject({
    error: { code: "command_refused", message: expect.stringContaining("Not refuse.") },
  });
  expect(await client.command("s", "c-3", "fly")).toMatchObject({ error: { code: "unknown_command" } });
});

test("limit-2: commands are paced, for a connection and for a session's guests, and its owner is heard all the same", async () => {
  const { client, subject } = await connect();
  await client.send("s", [input(1)]);
  const flood = await Promise.all(Array.from({ length: 100 }, (_, at) => client.command("s", `c-${at}`, "refuse")));
  const codes = new Set(flood.map((ack) => (ack.ok ? "ok" : ack.error.code)));
  expect([...codes].toSorted()).toEqual(["busy", "command_refused", "rate_limited"]);
  const limited = flood.find((ack) => !ack.ok && ack.error.code === "rate_limited");
  expect(limited).toMatchObject({ error: { retryAfterMs: expect.any(Number) } });

  const { subject: owner, client: own } = await connect();
  await own.send("s", [input(1)]);
  const guests = await Promise.all(
    Array.from({ length: 4 }, () => TestClient.connect(edge.url, subject, { shared: [`${owner}/s`] })),
  );
  open.push(...guests);
  const asked = guests.flatMap((guest, index) =>
    Array.from({ length: 12 }, (_, at) => guest.command(`${owner}/s`, `g-${index}-${at}`, "refuse")),
  );
  const refused = (await Promise.all(asked)).filter((ack) => !ack.ok && ack.error.code === "rate_limited");
  expect(refused.length).toBeGreaterThan(0);
  expect(await own.command("s", "stop", "echo")).toMatchObject({ ok: true });
});

test("limit-1: a command's args are bounded like an event, and leave nothing in the session's history", async () => {
  const { client, key } = await connect();
  await client.send("s", [input(1)]);
  const args = (length: number) => ({ x: "ü".repeat((length - '{"x":""}'.length) / 2) });
  expect(await client.command("s", "c-1", "echo", args(LIMITS.eventBytes + 2))).toMatchObject({
    error: { code: "too_large", message: expect.stringContaining("eventBytes") },
  });
  const { events } = await fixture.temporalClient.workflow.getHandle(workflowIdOf(key)).fetchHistory();
  expect(events?.some((event) => Boolean(event.workflowExecutionUpdateAcceptedEventAttributes))).toBe(false);
  expect(await client.command("s", "c-1", "echo", args(LIMITS.eventBytes))).toMatchObject({ ok: true });
});

test("command-3: with no answer in time a command is unavailable; sends are not affected", async () => {
  const impatient = await fixture.startEdge({ HOLDFAST_COMMAND_TIMEOUT_MS: "500" });
  const client = await TestClient.connect(impatient.url, "impatient");
  open.push(client);
  await client.open("s");
  await client.send("s", [input(1)]);
  const [command, sent] = await Promise.all([client.command("s", "c-1", "hang"), client.send("s", [input(2)])]);
  expect(sent).toEqual({ ok: true, durable: 2 });
  expect(command).toMatchObject({ error: { code: "unavailable", retryAfterMs: expect.any(Number) } });
});

// Last: it leaves the fixture without a worker.
test("ack-1: with no agent process at work events are made durable all the same", async () => {
  const { client, key } = await connect();
  await fixture.stopWorkers();
  expect(await client.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  const { events } = await fixture.temporalClient.workflow.getHandle(workflowIdOf(key)).fetchHistory();
  expect(events?.some((event) => event.workflowExecutionSignaledEventAttributes?.signalName === "events")).toBe(true);
});
