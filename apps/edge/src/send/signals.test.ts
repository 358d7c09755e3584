import { wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import { reportFailures } from "./signals.ts";
import type { SignalOutcome } from "./session-queue.ts";

const DURABLE: SignalOutcome = { outcome: "durable" };
const AWAY: SignalOutcome = { outcome: "retry", reason: "no connection" };

function startReport() {
  const lines: string[] = [];
  const clock = { now: 0 };
  let answer = DURABLE;
  const log = {
    warn: (about: object, message: string) => lines.push(`${message} ${JSON.stringify(about)}`),
    info: (message: string) => lines.push(message),
  };
  const signal = reportFailures(
    async () => answer,
    log,
    () => clock.now,
  );
  const send = async (outcome: SignalOutcome, session = "s"): Promise<SignalOutcome> => {
    answer = outcome;
    return signal({ key: { tenant: "t", owner: "o", name: session }, agent: "echo" }, { runs: [] });
  };
  return { lines, clock, send };
}

const warning = (failures: number, sessions: number, reason = "no connection"): string =>
  `signals to Temporal fail {"reason":"${reason}","failures":${failures},"sessions":${sessions}}`;
const AGAIN = "signals to Temporal arrive again";

test("nothing is said of signals that arrive, and outcomes pass as they are", async () => {
  const { lines, send } = startReport();
  expect(await send(DURABLE)).toBe(DURABLE);
  expect(lines).toEqual([]);
  expect(await send(AWAY)).toBe(AWAY);
});

test("an outage is told of at once, every 30 seconds, and when the last signal that failed has arrived", async () => {
  const { lines, clock, send } = startReport();
  await send(AWAY, "a");
  for (const session of ["b", "c", "b"]) await send(AWAY, session);
  expect(lines).toEqual([warning(1, 1)]);
  clock.now = 29_999;
  await send(AWAY, "a");
  expect(lines).toHaveLength(1);
  clock.now = 30_000;
  await send(AWAY, "a");
  expect(lines.slice(1)).toEqual([warning(5, 3)]);
  for (const session of ["other", "a", "b"]) await send(DURABLE, session);
  expect(lines).toHaveLength(2);
  await send(DURABLE, "c");
  await send(DURABLE, "a");
  expect(lines.slice(2)).toEqual([AGAIN]);
});

test("signals that fail now and then say no more than those that always do", async () => {
  const { lines, clock, send } = startReport();
  for (; clock.now < 60_000; clock.now += 1_000) {
    await send(AWAY);
    await send(DURABLE);
  }
  expect(lines).toEqual([warning(1, 1), AGAIN, warning(30, 1), AGAIN]);
});

test("a refusal that is an operator's to repair is told of; a client's own is not", async () => {
  const { lines, send } = startReport();
  await send({ outcome: "refused", error: wireError("too_large") });
  expect(lines).toEqual([]);
  for (let i = 0; i < 3; i++) await send({ outcome: "refused", error: wireError("internal"), reason: "denied" });
  expect(lines).toEqual([warning(1, 0, "denied")]);
});
