import { connect } from "@holdfast/client";
import { workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import { temporalAt, type TemporalClient } from "../conformance/temporal.ts";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { answer, ended, input, send, Visitors } from "../conformance/visitors.ts";

/**
 * A session's workflow was ended and its name is used again, while Redis keeps the log of the old one and readers stay
 * connected: they must end with what the new workflow says, which is what the old one knew and what came since.
 */
let visitors: Visitors;
let temporal: TemporalClient;
beforeAll(async () => {
  visitors = await Visitors.arrive();
  temporal = temporalAt(visitors.scene.stack.temporalAddress);
});
afterEach(() => visitors.leave());
afterAll(async () => {
  await temporal.connection.close();
  await visitors.stop();
});

function workflowOf(subject: string): ReturnType<typeof temporal.workflow.getHandle> {
  return temporal.workflow.getHandle(workflowIdOf({ tenant: "acme", owner: subject, name: "s" }));
}

async function truthOf(subject: string): Promise<SessionState> {
  return workflowOf(subject).query<SessionState>(QUERY_SNAPSHOT);
}

test("snap-4: after an operator ended the workflow the next input is answered, and every reader holds the whole transcript", async () => {
  const { socket, reader, subject } = await visitors.visit();
  const other = await visitors.visit(subject, 1);
  await send(socket, [input(1, "one"), input(2, "two"), input(3, "three")]);
  await Promise.all([reader, other.reader].map((held) => held.until(ended(3))));
  const before = await truthOf(subject);
  await workflowOf(subject).terminate("an operator's doing");

  expect(await send(socket, [input(4, "four")])).toEqual({ ok: true, durable: 4 });
  await Promise.all([reader, other.reader].map((held) => held.until(ended(4))));
  const after = await truthOf(subject);
  expect(after.epoch).toBeGreaterThan(before.epoch);
  expect(after.snapshot.turns.map(({ text }) => text)).toEqual(
    ["one", "two", "three", "four"].map((said) => answer(said)),
  );
  expect(reader.view).toEqual(after.snapshot);
  expect(other.reader.view).toEqual(after.snapshot);

  await send(socket, [input(5, "five")]);
  await Promise.all([reader, other.reader].map((held) => held.until(ended(5))));
  const late = await visitors.visit(subject);
  await late.reader.until(ended(5));
  expect(late.reader.view).toEqual((await truthOf(subject)).snapshot);
  expect(reader.view).toEqual(late.reader.view);
});

test("snap-4: an attempt that outlives its workflow writes nothing into the next one's turn", async () => {
  const { socket, reader, subject } = await visitors.visit();
  await send(socket, [input(1, "one")]);
  await reader.until(ended(1));
  await send(socket, [input(2, "old faults:slow=20ms,tokens=200")]);
  await reader.until((held) => (held.view.running?.text.length ?? 0) > 50);
  await workflowOf(subject).terminate("in the middle of a turn");
  await send(socket, [input(3, "new faults:slow=20ms,tokens=40")]);
  await reader.until(ended(3));
  const expected = answer("new faults:slow=20ms,tokens=40", "tokens=40");
  const [, cut, last] = reader.view.turns;
  expect(cut).toMatchObject({ turn: 2, outcome: "interrupted", finish: "interrupted" });
  expect(answer("old faults:slow=20ms,tokens=200", "tokens=200").startsWith(cut?.text ?? "x")).toBe(true);
  expect(cut?.text.length).toBeGreaterThan(50);
  expect(last).toMatchObject({ turn: 3, outcome: "completed", text: expected });
  const since = reader.frames.findLastIndex((frame) => frame.type === "snapshot");
  const texts = reader.frames.slice(since).flatMap((frame) => (frame.type === "delta" ? [frame.text] : []));
  expect(expected).toContain(texts.join(""));
  expect(reader.view).toEqual((await truthOf(subject)).snapshot);
});

test("ack-2, snap-4: the SDK's client goes on with its numbers, its messages are applied and its view is the new session's", async () => {
  const { stack } = visitors.scene;
  const subject = visitors.newSubject();
  const client = connect({ url: stack.edgeUrls, token: () => stack.token({ subject }) });
  try {
    const session = client.session("s", { agent: "echo" });
    await session.send("one").applied;
    await session.send("two").applied;
    await expect.poll(() => session.get().turns.length, { timeout: 30_000 }).toBe(2);
    await workflowOf(subject).terminate("an operator's doing");
    await session.send("three").applied;
    await expect
      .poll(() => session.get().turns.map(({ text }) => text), { timeout: 30_000 })
      .toEqual(["one", "two", "three"].map((said) => answer(said)));
    const { snapshot } = await truthOf(subject);
    await expect.poll(() => session.get().version, { timeout: 30_000 }).toBe(snapshot.version);
    expect(session.get().turns).toEqual(snapshot.turns);
    expect(session.get().lag).toEqual({ unacked: 0, unapplied: 0 });
  } finally {
    await client.close();
  }
});

test("open-3: a session whose workflow ended and that nobody has written to since opens as it was", async () => {
  const { socket, reader, subject } = await visitors.visit();
  await send(socket, [input(1, "one")]);
  await reader.until(ended(1));
  await workflowOf(subject).terminate("an operator's doing");
  const later = await visitors.visit(subject, 1);
  await later.reader.until(ended(1));
  expect(later.reader.view).toEqual(reader.view);
});
