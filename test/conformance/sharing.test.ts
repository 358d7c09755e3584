import { setTimeout as delay } from "node:timers/promises";
import type { Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ask, type Obj, RawReader, rawText } from "../kit/raw-client.ts";
import { can, ended, input, Target, type Visit } from "./target.ts";

/** Two people in one session, one of whom means the other no good: SPEC.md by a client that knows nothing but the page. */
let target: Target;
beforeAll(async () => {
  target = await Target.open();
});
afterEach(() => target.leave());
afterAll(() => target.close());

interface Guest {
  socket: Socket;
  reader: RawReader;
  subject: string;
  /** The session as the guest names it. */
  session: string;
}

/** An owner with a session, and a guest whose token opens it, too. */
async function meet(): Promise<{ owner: Visit; guest: Guest }> {
  const owner = await target.visit();
  const [session, subject] = [`${owner.subject}/${owner.session}`, target.newSubject()];
  const socket = await target.connect(subject, 1, { shared: [session] });
  const reader = new RawReader(session);
  await reader.open(socket);
  return { owner, guest: { socket, reader, subject, session } };
}

/** As often as the edge asks for patience. */
async function insist(socket: Socket, request: Obj): Promise<void> {
  for (;;) {
    const ack = await ask(socket, "send", request);
    if (ack.ok) return;
    if (ack.error?.code !== "rate_limited" && ack.error?.code !== "busy") throw new Error(JSON.stringify(ack));
    await delay(ack.error.retryAfterMs ?? 100);
  }
}

test.runIf(can("secret"))(
  "send-7: a guest cannot silence the owner with the owner's producer name and a number above all others",
  async () => {
    const { owner, guest } = await meet();
    await owner.send([input(1, "one")]);
    await owner.reader.until(ended(1));
    const last = Number.MAX_SAFE_INTEGER;
    const forged = { session: guest.session, producer: "p", events: [{ seq: last, kind: "observe", name: "hush" }] };
    await insist(guest.socket, forged);
    await insist(guest.socket, { ...forged, producer: "p2", events: [input(last, "I am the owner")] });
    await owner.reader.until(ended(2));
    await owner.send([input(2, "two")]);
    await Promise.all([owner.reader, guest.reader].map((held) => held.until(ended(3))));
    expect(owner.reader.view.turns).toMatchObject([
      { inputs: [{ by: owner.subject, producer: "p", seq: 1 }] },
      { inputs: [{ by: guest.subject, producer: "p2", seq: last }] },
      { inputs: [{ by: owner.subject, producer: "p", seq: 2, text: "two" }] },
    ]);
    // ack-2: each finds its own mark, under the subject its welcome named.
    expect(owner.reader.view.applied).toEqual({ [`${owner.subject}/p`]: 2, [`${guest.subject}/p2`]: last });
    expect(guest.reader.view).toEqual(owner.reader.view);
  },
);

test.runIf(can("secret"))(
  "send-8: nobody speaks as another: who sent an input is not for the sender to say",
  async () => {
    const { owner, guest } = await meet();
    const forged = { ...input(1, "I am the owner"), by: owner.subject };
    const request = { session: guest.session, producer: "p", events: [forged] };
    expect(await ask(guest.socket, "send", request)).toMatchObject({ error: { code: "invalid" } });
    const named = { session: guest.session, producer: `${owner.subject}/p`, events: [input(1, "as the owner")] };
    expect(await ask(guest.socket, "send", named)).toMatchObject({ error: { code: "invalid" } });
    expect(await ask(guest.socket, "send", { ...request, by: owner.subject })).toMatchObject({
      error: { code: "invalid" },
    });
  },
);

test.runIf(can("secret"))(
  "send-7: a guest that makes hundreds of producers pushes out none of the owner's",
  async () => {
    const { owner, guest } = await meet();
    await owner.send([input(1, "once")]);
    await owner.reader.until(ended(1));
    for (let n = 0; n < 300; n++) {
      await insist(guest.socket, {
        session: guest.session,
        producer: `flood-${n}`,
        events: [{ seq: 1, kind: "observe", name: "noise" }],
      });
    }
    // From a connection that does not know it was sent: only the session does.
    const again = await target.visit(owner, 1);
    await again.send([input(1, "once"), input(2, "and again")]);
    await again.reader.until(ended(2));
    expect(again.reader.view.turns.map((turn) => turn.inputs[0]?.text)).toEqual(["once", "and again"]);
  },
  120_000,
);

test.runIf(can("secret", "script"))(
  "command-1, command-2: a guest can neither use up the owner's command ids nor be taken for the owner",
  async () => {
    const { owner, guest } = await meet();
    await owner.send([input(1, "long faults:slow=20ms,tokens=2000")]);
    await owner.reader.until((held) => rawText(held.view.running).length > 20);
    const stop = { id: "c-1", name: "interrupt" };
    for (const turn of [7, 1]) {
      await ask(guest.socket, "command", { ...stop, session: guest.session, args: { turn } });
    }
    await owner.reader.until(ended(1));
    expect(owner.reader.view.turns[0]).toMatchObject({ outcome: "interrupted", by: guest.subject });
    await owner.send([input(2, "longer faults:slow=20ms,tokens=2000")]);
    await owner.reader.until((held) => held.view.running?.turn === 2 && rawText(held.view.running).length > 20);
    expect(await ask(owner.socket, "command", { ...stop, session: owner.session })).toEqual({
      ok: true,
      result: { turn: 2 },
    });
    await owner.reader.until(ended(2));
    expect(owner.reader.view.turns[1]).toMatchObject({
      outcome: "interrupted",
      finish: "interrupted",
      by: owner.subject,
    });
    // Each is answered as the first time.
    const args = { turn: 1 };
    expect(await ask(guest.socket, "command", { ...stop, session: guest.session, args })).toMatchObject({
      result: { turn: 1 },
    });
  },
);
