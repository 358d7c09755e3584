import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { sessionPath, type SendAck, type SendRequest, type SessionKey } from "@holdfast/contract";
import { expect, test } from "vitest";
import { ControlledSignal, startCoalescer } from "../../test/controlled-signal.ts";
import { Backlogs } from "./backlog.ts";
import { Answers, Intake, SendLedger } from "./intake.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("ack-1: a send is answered once, and not at all when its connection has ended", () => {
  const answers = new Answers();
  const heard: SendAck[] = [];
  const [first, second] = [1, 2].map(() => answers.add((ack) => heard.push(ack)));
  first?.({ ok: true, durable: 1 });
  first?.({ ok: true, durable: 1 });
  answers.drop();
  second?.({ ok: true, durable: 2 });
  expect(heard).toEqual([{ ok: true, durable: 1 }]);
});

test("limit-1: what waits for Temporal keeps no hold of a connection that has ended", async () => {
  const controlled = new ControlledSignal();
  const { coalescer } = startCoalescer(controlled);
  const intake = new Intake({
    coalescer,
    backlogs: new Backlogs(),
    newSessions: { take: () => 0 },
    readSnapshot: () => Promise.reject(new Error("Temporal is away.")),
    metrics: { durable: () => {}, busy: () => {} },
  });
  const ledger = new SendLedger("ann");
  const connection = sendFrom(intake, ledger);
  await controlled.arrived();
  ledger.answers.drop();
  // What the microtasks of this turn of the event loop still hold goes with it.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(connection.deref()).toBeUndefined();
  expect(ledger.budget.events).toBe(1);
  await controlled.answer({ outcome: "durable" });
  await coalescer.empty();
  expect(ledger.budget.events).toBe(0);
  coalescer.stop();
});

/** Sends one event from something that only its answer knows. */
function sendFrom(intake: Intake, ledger: SendLedger): WeakRef<{ heard: SendAck[] }> {
  const key: SessionKey = { tenant: "t", owner: "o", name: "s" };
  const connection: { heard: SendAck[] } = { heard: [] };
  const request: SendRequest = { session: "s", producer: "p", events: [{ seq: 1, kind: "observe", name: "looks" }] };
  const session = { key, path: sessionPath(key), agent: "echo", isGuest: false, hasBegun: () => false };
  intake.take(ledger, session, { request, sizes: [50] }, (ack) => connection.heard.push(ack));
  return new WeakRef(connection);
}
