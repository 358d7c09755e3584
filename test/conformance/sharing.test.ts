import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { ask, type Obj, rawText } from "../kit/raw-client.ts";
import { can, codeOf, ended, input, Target, type Visit } from "./target.ts";

/** Two people in one session, one of whom means the other no good: SPEC.md by a client that knows nothing but the page. */
const target = Target.ofFile();

/** As often as the edge asks for patience. */
async function insist({ send }: Visit, events: Obj[], more: Obj): Promise<void> {
  for (;;) {
    const ack = await send(events, more);
    if (ack.ok) return;
    if (ack.error?.code !== "rate_limited" && ack.error?.code !== "busy") throw new Error(JSON.stringify(ack));
    await delay(ack.error.retryAfterMs ?? 100);
  }
}

test.runIf(can("secret"))(
  "send-7: a guest cannot silence the owner with the owner's producer name and a number above all others",
  async () => {
    const { owner, guest } = await target.meet();
    await owner.say(1, "one");
    const last = Number.MAX_SAFE_INTEGER;
    await insist(guest, [{ seq: last, kind: "observe", name: "hush" }], { producer: "p" });
    await insist(guest, [input(last, "I am the owner")], { producer: "p2" });
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
    const { owner, guest } = await target.meet();
    const forged = { ...input(1, "I am the owner"), by: owner.subject };
    const asOwner = { producer: `${owner.subject}/p` };
    expect(await codeOf(guest.send([forged]))).toBe("invalid");
    expect(await codeOf(guest.send([input(1, "as the owner")], asOwner))).toBe("invalid");
    expect(await codeOf(guest.send([forged], { by: owner.subject }))).toBe("invalid");
  },
);

test.runIf(can("secret"))(
  "send-7: a guest that makes hundreds of producers pushes out none of the owner's",
  async () => {
    const { owner, guest } = await target.meet();
    await owner.say(1, "once");
    const noise = [{ seq: 1, kind: "observe", name: "noise" }];
    for (let n = 0; n < 300; n++) await insist(guest, noise, { producer: `flood-${n}` });
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
    const { owner, guest } = await target.meet();
    const interrupt = ({ socket, session }: Visit, args = {}) =>
      ask(socket, "command", { session, id: "c-1", name: "interrupt", ...args });
    const begin = async (turn: number): Promise<void> => {
      await owner.send([input(turn, `long ${turn} faults:slow=20ms,tokens=2000`)]);
      await owner.reader.until(({ view }) => view.running?.turn === turn && rawText(view.running).length > 20);
    };
    await begin(1);
    for (const turn of [7, 1]) await interrupt(guest, { args: { turn } });
    await owner.reader.until(ended(1));
    expect(owner.reader.view.turns[0]).toMatchObject({ outcome: "interrupted", by: guest.subject });
    await begin(2);
    expect(await interrupt(owner)).toEqual({ ok: true, result: { turn: 2 } });
    await owner.reader.until(ended(2));
    const stopped = { outcome: "interrupted", finish: "interrupted", by: owner.subject };
    expect(owner.reader.view.turns[1]).toMatchObject(stopped);
    // Each is answered as the first time.
    expect(await interrupt(guest, { args: { turn: 1 } })).toMatchObject({ result: { turn: 1 } });
  },
);
