import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { SendAck, SendRequest, SessionKey } from "@holdfast/contract";
import { SessionLog } from "@holdfast/session-log";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { SignalWire, startCoalescer } from "../test/signal-wire.ts";
import { Answers } from "./answers.ts";
import { Budget } from "./budget.ts";
import { CONNECTION_BUDGET } from "./coalescer.ts";
import { Feed } from "./feed.ts";
import { Intake, type Sender } from "./intake.ts";
import { ProducerOrder } from "./producer-order.ts";

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
  const wire = new SignalWire();
  const { coalescer } = startCoalescer(wire);
  const intake = new Intake(
    coalescer,
    { read: () => Promise.reject(new Error("Temporal is away.")) },
    { take: () => 0 },
    { durable: () => {}, busy: () => {} },
  );
  const sender: Sender = {
    subject: "ann",
    order: new ProducerOrder(),
    budget: new Budget(CONNECTION_BUDGET),
    answers: new Answers(),
  };
  const connection = sendFrom(intake, sender);
  await wire.arrived();
  sender.answers.drop();
  // What the microtasks of this turn of the event loop still hold goes with it.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(connection.deref()).toBeUndefined();
  expect(sender.budget.events).toBe(1);
  await wire.answer({ outcome: "durable" });
  await coalescer.empty();
  expect(sender.budget.events).toBe(0);
  coalescer.stop();
});

/** Sends one event from something that only its answer knows. */
function sendFrom(intake: Intake, sender: Sender): WeakRef<{ heard: SendAck[] }> {
  const key: SessionKey = { tenant: "t", owner: "o", name: "s" };
  const log = new SessionLog(new Redis({ lazyConnect: true }));
  const follower = { follow: () => Promise.reject(new Error("Redis is away.")) };
  const feed = new Feed(key, { log, follower, onLag: () => {}, onResync: () => {} });
  const connection: { heard: SendAck[] } = { heard: [] };
  const request: SendRequest = { session: "s", producer: "p", events: [{ seq: 1, kind: "observe", name: "looks" }] };
  intake.take(sender, { key, agent: "echo", isGuest: false, feed }, request, (ack) => connection.heard.push(ack));
  return new WeakRef(connection);
}
