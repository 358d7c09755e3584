import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS, workflowIdOf, type SessionKey } from "@holdfast/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Edge } from "../src/edge.ts";
import { Scribe } from "./scribe.ts";
import { Stage } from "./stage.ts";
import { input, observe, Visitor } from "./visitor.ts";

let stage: Stage;
let edge: Edge;
const open: Visitor[] = [];
beforeAll(async () => {
  stage = await Stage.start();
  [edge] = await Promise.all([stage.startEdge(), stage.startWorker()]);
});
afterEach(() => {
  for (const visitor of open.splice(0)) visitor.leave();
});
afterAll(() => stage.stop());

let subjects = 0;
async function visit(subject = `user-${++subjects}`): Promise<{ visitor: Visitor; key: SessionKey; subject: string }> {
  const visitor = await Visitor.connect(edge.url, subject);
  open.push(visitor);
  expect(await visitor.open("s")).toMatchObject({ ok: true });
  return { visitor, key: { tenant: "acme", owner: subject, name: "s" }, subject };
}

async function seqs(key: SessionKey): Promise<number[]> {
  const batches = await stage.received(key);
  return batches.flatMap(({ runs }) => runs.flatMap((run) => run.events.map(({ seq }) => seq)));
}

test("ack-1: durable means that Temporal has it, in the order it was sent", async () => {
  const { visitor, key } = await visit();
  const acks = await Promise.all([1, 2, 3, 4, 5].map((seq) => visitor.send("s", [input(seq)])));
  expect(acks).toEqual([1, 2, 3, 4, 5].map((seq) => ({ ok: true, durable: seq })));
  expect(await seqs(key)).toEqual([1, 2, 3, 4, 5]);
  const { memo, type, taskQueue } = await stage.client.workflow.getHandle(workflowIdOf(key)).describe();
  expect({ memo, type, taskQueue }).toEqual({
    memo: { tenant: "acme", owner: key.owner, agent: "echo" },
    type: "session",
    taskQueue: "holdfast-sessions",
  });
});

test("natural batching: what comes together goes in few signals", async () => {
  const { visitor, key } = await visit();
  await Promise.all(Array.from({ length: 100 }, (_, index) => visitor.send("s", [observe(index + 1)])));
  expect((await stage.received(key)).length).toBeLessThan(50);
  expect(await seqs(key)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
});

test("send-1: a session must be open on this connection; ids-2: under the name it was opened by", async () => {
  const { visitor, subject } = await visit();
  expect(await visitor.send("other", [input(1)])).toMatchObject({ error: { code: "not_open" } });
  expect(await visitor.send(`${subject}/s`, [input(1)])).toMatchObject({ error: { code: "not_open" } });
  expect(await visitor.open(`${subject}/s`)).toMatchObject({ ok: true });
  expect(await visitor.send(`${subject}/s`, [input(1)])).toEqual({ ok: true, durable: 1 });
  await visitor.closeSession("s");
  expect(await visitor.send("s", [input(2)])).toMatchObject({ error: { code: "not_open" } });
});

test("ids-2: another subject's session is forbidden without a claim; a name that is none is invalid", async () => {
  const { visitor } = await visit();
  expect(await visitor.open("someone/s")).toMatchObject({ error: { code: "forbidden" } });
  expect(await visitor.command("someone/s", "c", "echo")).toMatchObject({ error: { code: "forbidden" } });
  expect(await visitor.open("a/b/c")).toMatchObject({ error: { code: "invalid" } });
  expect(await visitor.open("s", { agent: "nobody" })).toMatchObject({ error: { code: "unknown_agent" } });
});

test("send-5: several sends in flight, one refused: those behind it are refused too, and nothing overtakes", async () => {
  const { visitor, key } = await visit();
  const acks = await Promise.all([
    visitor.send("s", [input(1), input(2)]),
    visitor.send("s", [{ seq: 3, kind: "dance" }]),
    visitor.send("s", [input(4)]),
    visitor.send("s", [input(5)]),
  ]);
  expect(acks).toMatchObject([
    { ok: true, durable: 2 },
    { error: { code: "invalid" } },
    { error: { code: "out_of_order", after: 2 } },
    { error: { code: "out_of_order", after: 2 } },
  ]);
  // send-6: the client drops 3 for good.
  expect(await visitor.send("s", [input(4), input(5)], { after: 2 })).toEqual({ ok: true, durable: 5 });
  expect(await seqs(key)).toEqual([1, 2, 4, 5]);
});

test("send-5: a first batch refused before its content is looked at holds back those behind it", async () => {
  const { visitor, key } = await visit();
  await visitor.closeSession("s");
  const [refused, opened, behind] = await Promise.all([
    visitor.send("s", [input(1)]),
    visitor.open("s"),
    visitor.send("s", [input(2)]),
  ]);
  expect(refused).toMatchObject({ error: { code: "not_open" } });
  expect(opened).toMatchObject({ ok: true });
  expect(behind).toMatchObject({ error: { code: "out_of_order", after: 0 } });
  expect(await visitor.send("s", [input(1), input(2)])).toEqual({ ok: true, durable: 2 });
  expect(await seqs(key)).toEqual([1, 2]);
});

test("send-5: the first batch on a connection sets the start, whatever went before on others", async () => {
  const { visitor, subject } = await visit();
  await visitor.send("s", [input(1)]);
  const { visitor: again } = await visit(subject);
  expect(await again.send("s", [input(2)])).toEqual({ ok: true, durable: 2 });
});

test("limit-1: sizes are answered too_large, and the connection lives", async () => {
  const { visitor } = await visit();
  const tooLarge = { ok: false, error: { code: "too_large" } };
  expect(await visitor.send("s", [input(1, "ü".repeat(LIMITS.inputTextBytes / 2 + 1))])).toMatchObject(tooLarge);
  const data = "x".repeat(LIMITS.eventBytes);
  expect(await visitor.send("s", [{ ...observe(1), data }])).toMatchObject(tooLarge);
  expect(await visitor.send("s", [input(1, "x".repeat(LIMITS.inputTextBytes))])).toEqual({ ok: true, durable: 1 });
});

test("limit-1: sessionsPerConnection", async () => {
  const { visitor } = await visit();
  const names = Array.from({ length: LIMITS.sessionsPerConnection }, (_, index) => `n${index}`);
  const acks = await Promise.all(names.map((name) => visitor.open(name)));
  expect(acks.filter(({ ok }) => ok)).toHaveLength(LIMITS.sessionsPerConnection - 1);
  expect(acks.at(-1)).toMatchObject({ error: { code: "busy", retryAfterMs: expect.any(Number) } });
  await visitor.closeSession("n0");
  expect(await visitor.open("one more")).toMatchObject({ error: { code: "invalid" } });
  expect(await visitor.open("one-more")).toMatchObject({ ok: true });
});

test("limit-1: unappliedInputs is busy until turns take inputs; observes still pass", async () => {
  const { visitor, key } = await visit();
  const scribe = new Scribe(stage, await stage.openLog(), key);
  const events = Array.from({ length: LIMITS.unappliedInputs }, (_, index) => input(index + 1));
  expect(await visitor.send("s", events)).toEqual({ ok: true, durable: LIMITS.unappliedInputs });
  const next = LIMITS.unappliedInputs + 1;
  expect(await visitor.send("s", [input(next)])).toMatchObject({
    error: { code: "busy", retryAfterMs: expect.any(Number) },
  });
  expect(await visitor.send("s", [observe(1)], { producer: "q" })).toEqual({ ok: true, durable: 1 });
  await scribe.begin({ [`${key.owner}/p`]: 10 });
  await visitor.until(() => visitor.of("s").view.applied[`${key.owner}/p`] === 10);
  expect(await visitor.send("s", [input(next)])).toEqual({ ok: true, durable: next });
});

test("limit-4: a guest who floods a shared session is refused, and the owner is heard", async () => {
  const { visitor: owner, subject } = await visit();
  const ref = `${subject}/s`;
  const guests = await Promise.all(["g1", "g2"].map((name) => Visitor.connect(edge.url, name, { shared: [ref] })));
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
  const strict = await stage.startEdge({ HOLDFAST_NEW_SESSIONS_PER_MINUTE_PER_SUBJECT: "3" });
  const visitor = await Visitor.connect(strict.url, "prolific");
  const other = await Visitor.connect(strict.url, "modest");
  open.push(visitor, other);
  const begin = async (who: Visitor, name: string) => {
    expect(await who.open(name)).toMatchObject({ ok: true });
    return who.send(name, [input(1)]);
  };
  for (const name of ["a", "b", "c"]) expect(await begin(visitor, name)).toEqual({ ok: true, durable: 1 });
  expect(await begin(visitor, "d")).toMatchObject({
    error: { code: "rate_limited", retryAfterMs: expect.any(Number), message: expect.stringContaining("new sessions") },
  });
  expect(await visitor.send("a", [input(2)])).toEqual({ ok: true, durable: 2 });
  expect(await begin(other, "d")).toEqual({ ok: true, durable: 1 });
});

test("limit-1: marks this edge missed come with a snapshot, so that busy ends", async () => {
  const { visitor, key } = await visit();
  // Read before there is a workflow, so that nothing is cached that this test then makes untrue.
  await visitor.until(() => visitor.of("s").last !== undefined);
  const events = Array.from({ length: LIMITS.unappliedInputs }, (_, index) => input(index + 1));
  await visitor.send("s", events);
  const applied = { [`${key.owner}/p`]: LIMITS.unappliedInputs };
  const snapshot = { ...visitor.of("s").view, agent: "echo", version: 0, applied };
  await stage.hold(key, { epoch: 1, snapshot });
  // What the log holds was verified, and would be believed.
  await stage.forget(key);
  const next = LIMITS.unappliedInputs + 1;
  let ack = await visitor.send("s", [input(next)]);
  while (!ack.ok && ack.error.code === "busy") {
    await sleep(ack.error.retryAfterMs);
    ack = await visitor.send("s", [input(next)]);
  }
  expect(ack).toEqual({ ok: true, durable: next });
});

test("command-1: answered by the session; a repeat of its id is answered as the first", async () => {
  const { visitor } = await visit();
  expect(await visitor.command("s", "c-1", "echo")).toMatchObject({ error: { code: "unknown_session" } });
  await visitor.send("s", [input(1)]);
  const first = await visitor.command("s", "c-1", "echo", { a: [1, { b: null }] });
  expect(first).toMatchObject({ ok: true, result: { args: { a: [1, { b: null }] } } });
  expect(await visitor.command("s", "c-1", "echo", { a: "other" })).toEqual(first);
  expect(await visitor.command("s", "c-2", "refuse")).toMatchObject({
    error: { code: "command_refused", message: expect.stringContaining("Not refuse.") },
  });
  expect(await visitor.command("s", "c-3", "fly")).toMatchObject({ error: { code: "unknown_command" } });
});

test("limit-2: commands are paced, for a connection and for a session's guests, and its owner is heard all the same", async () => {
  const { visitor, subject } = await visit();
  await visitor.send("s", [input(1)]);
  const flood = await Promise.all(Array.from({ length: 100 }, (_, at) => visitor.command("s", `c-${at}`, "refuse")));
  const codes = new Set(flood.map((ack) => (ack.ok ? "ok" : ack.error.code)));
  expect([...codes].toSorted()).toEqual(["busy", "command_refused", "rate_limited"]);
  const limited = flood.find((ack) => !ack.ok && ack.error.code === "rate_limited");
  expect(limited).toMatchObject({ error: { retryAfterMs: expect.any(Number) } });

  const { subject: owner, visitor: own } = await visit();
  await own.send("s", [input(1)]);
  const guests = await Promise.all(
    Array.from({ length: 4 }, () => Visitor.connect(edge.url, subject, { shared: [`${owner}/s`] })),
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
  const { visitor, key } = await visit();
  await visitor.send("s", [input(1)]);
  const args = (length: number) => ({ x: "ü".repeat((length - '{"x":""}'.length) / 2) });
  expect(await visitor.command("s", "c-1", "echo", args(LIMITS.eventBytes + 2))).toMatchObject({
    error: { code: "too_large", message: expect.stringContaining("eventBytes") },
  });
  const { events } = await stage.client.workflow.getHandle(workflowIdOf(key)).fetchHistory();
  expect(events?.some((event) => Boolean(event.workflowExecutionUpdateAcceptedEventAttributes))).toBe(false);
  expect(await visitor.command("s", "c-1", "echo", args(LIMITS.eventBytes))).toMatchObject({ ok: true });
});

test("command-3: with no answer in time a command is unavailable; sends are not affected", async () => {
  const impatient = await stage.startEdge({ HOLDFAST_COMMAND_TIMEOUT_MS: "500" });
  const visitor = await Visitor.connect(impatient.url, "impatient");
  open.push(visitor);
  await visitor.open("s");
  await visitor.send("s", [input(1)]);
  const [command, sent] = await Promise.all([visitor.command("s", "c-1", "hang"), visitor.send("s", [input(2)])]);
  expect(sent).toEqual({ ok: true, durable: 2 });
  expect(command).toMatchObject({ error: { code: "unavailable", retryAfterMs: expect.any(Number) } });
});

// Last: it leaves the stage without a worker.
test("ack-1: with no agent process at work events are made durable all the same", async () => {
  const { visitor, key } = await visit();
  await stage.stopWorkers();
  expect(await visitor.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
  const { events } = await stage.client.workflow.getHandle(workflowIdOf(key)).fetchHistory();
  expect(events?.some((event) => event.workflowExecutionSignaledEventAttributes?.signalName === "events")).toBe(true);
});
