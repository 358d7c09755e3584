import { rawText } from "../kit/raw-client.ts";
import { connect } from "@holdfast/client";
import { textOf, workflowIdOf } from "@holdfast/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ended, input, Target, type Visit } from "../conformance/target.ts";
import { answerTo } from "../kit/model-calls.ts";
import { askSession, temporalAt, type TemporalClient } from "../kit/temporal.ts";

/**
 * A session's workflow was ended and its name is used again, while Redis keeps the log of the old one and readers stay
 * connected: they must end with what the new workflow says, which is what the old one knew and what came since.
 */
let target: Target;
let temporal: TemporalClient;
beforeAll(async () => {
  target = await Target.open();
  temporal = temporalAt(target.fixture.stack.temporalAddress);
});
afterEach(() => target.leave());
afterAll(async () => {
  await temporal.connection.close();
  await target.close();
});

type Owned = Pick<Visit, "subject" | "session">;

const keyOf = ({ subject, session }: Owned) => ({ tenant: "acme", owner: subject, name: session });
const stateOf = (owned: Owned) => askSession(temporal, keyOf(owned));
const terminate = (owned: Owned, why: string) => temporal.workflow.getHandle(workflowIdOf(keyOf(owned))).terminate(why);

test("snap-4: after an operator ended the workflow the next input is answered, and every reader holds the whole transcript", async () => {
  const own = await target.visit();
  const { send, reader } = own;
  const other = await target.visit(own, 1);
  await send([input(1, "one"), input(2, "two"), input(3, "three")]);
  await Promise.all([reader, other.reader].map((held) => held.until(ended(3))));
  const before = await stateOf(own);
  await terminate(own, "an operator's doing");

  expect(await send([input(4, "four")])).toEqual({ ok: true, durable: 4 });
  await Promise.all([reader, other.reader].map((held) => held.until(ended(4))));
  const after = await stateOf(own);
  expect(after.epoch).toBeGreaterThan(before.epoch);
  expect(after.snapshot.turns.map(textOf)).toEqual(["one", "two", "three", "four"].map((said) => answerTo(said)));
  expect(reader.view).toEqual(after.snapshot);
  expect(other.reader.view).toEqual(after.snapshot);

  await send([input(5, "five")]);
  await Promise.all([reader, other.reader].map((held) => held.until(ended(5))));
  const late = await target.visit(own);
  await late.reader.until(ended(5));
  expect(late.reader.view).toEqual((await stateOf(own)).snapshot);
  expect(reader.view).toEqual(late.reader.view);
});

test("snap-4: an attempt that outlives its workflow writes nothing into the next one's turn", async () => {
  const own = await target.visit();
  const { send, reader } = own;
  await send([input(1, "one")]);
  await reader.until(ended(1));
  await send([input(2, "old faults:slow=20ms,tokens=200")]);
  await reader.until((held) => rawText(held.view.running).length > 50);
  await terminate(own, "in the middle of a turn");
  await send([input(3, "new faults:slow=20ms,tokens=40")]);
  await reader.until(ended(3));
  const expected = answerTo("new faults:slow=20ms,tokens=40");
  const [, cut, last] = reader.view.turns;
  expect(cut).toMatchObject({ turn: 2, outcome: "interrupted", finish: "interrupted" });
  expect(answerTo("old faults:slow=20ms,tokens=200").startsWith(rawText(cut) || "x")).toBe(true);
  expect(rawText(cut).length).toBeGreaterThan(50);
  expect(last).toMatchObject({ turn: 3, outcome: "completed" });
  expect(rawText(last)).toBe(expected);
  const since = reader.frames.findLastIndex((frame) => frame.type === "snapshot");
  const texts = reader.frames.slice(since).flatMap((frame) => (frame.type === "delta" ? [frame.text] : []));
  expect(expected).toContain(texts.join(""));
  expect(reader.view).toEqual((await stateOf(own)).snapshot);
});

test("ack-2, snap-4: the SDK's client goes on with its numbers, its messages are applied and its view is the new session's", async () => {
  const { stack } = target.fixture;
  const own = { subject: target.newSubject(), session: "s" };
  const client = connect({ url: stack.edgeUrls, token: () => stack.token({ subject: own.subject }) });
  try {
    const session = client.session(own.session, { agent: "echo" });
    await session.send("one").applied;
    await session.send("two").applied;
    await expect.poll(() => session.get().turns.length, { timeout: 30_000 }).toBe(2);
    await terminate(own, "an operator's doing");
    await session.send("three").applied;
    await expect
      .poll(() => session.get().turns.map(textOf), { timeout: 30_000 })
      .toEqual(["one", "two", "three"].map((said) => answerTo(said)));
    const { snapshot } = await stateOf(own);
    await expect.poll(() => session.get().version, { timeout: 30_000 }).toBe(snapshot.version);
    expect(session.get().turns).toEqual(snapshot.turns);
    expect(session.get().lag).toEqual({ unacked: 0, unapplied: 0 });
  } finally {
    await client.close();
  }
});

test("open-3: a session whose workflow ended and that nobody has written to since opens as it was", async () => {
  const own = await target.visit();
  const { send, reader } = own;
  await send([input(1, "one")]);
  await reader.until(ended(1));
  await terminate(own, "an operator's doing");
  const later = await target.visit(own, 1);
  await later.reader.until(ended(1));
  expect(later.reader.view).toEqual(reader.view);
});
