import { LIMITS, wireError, type ErrorCode } from "@holdfast/contract";
import { expect, test } from "vitest";
import { eventually, quickClient, startEdge } from "./harness.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";
import { ScriptedWorld, type ScriptedSession } from "./scripted-session.ts";

/** Mulberry32: a small generator whose whole run follows from its seed, so that a failure can be repeated. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const REFUSALS: ErrorCode[] = ["busy", "unavailable", "rate_limited", "internal", "not_open"];

/** Every request and its answer may be lost, refused or answered late, and the connection may end at any of them. */
function makeUnreliable(edge: ScriptedEdge, random: () => number): void {
  const fault = (): "lost request" | "lost answer" | "late" | "refused" | "dropped" | undefined => {
    const roll = random();
    if (roll < 0.08) return "lost request";
    if (roll < 0.16) return "lost answer";
    if (roll < 0.22) return "late";
    if (roll < 0.35) return "refused";
    return roll < 0.42 ? "dropped" : undefined;
  };
  const disturb = <Ack>(proceed: () => Ack, refuse: () => Ack): Ack | "silence" | Promise<Ack> => {
    switch (fault()) {
      case "lost request":
        return "silence";
      case "lost answer":
        proceed();
        return "silence";
      case "late":
        // Often later than the client waits, and sometimes later than the connection lives.
        return new Promise((resolve) => setTimeout(() => resolve(proceed()), random() * 120));
      case "refused":
        return refuse();
      case "dropped":
        if (random() < 0.5) proceed();
        edge.drop();
        return "silence";
      case undefined:
        return proceed();
    }
  };
  edge.script.connect = () => (random() < 0.2 ? wireError("rate_limited") : undefined);
  edge.script.open = (_request, proceed) => disturb(proceed, () => ({ ok: false, error: wireError("busy") }));
  edge.script.send = (_request, proceed) => {
    const code = REFUSALS[Math.floor(random() * REFUSALS.length)] ?? "busy";
    return disturb(proceed, () => ({ ok: false, error: wireError(code) }));
  };
}

/** Moves the session on by something that can happen to it, and sometimes loses what carries it. */
function disturbLog(session: ScriptedSession, random: () => number): void {
  const roll = random();
  const running = session.snapshot.running;
  if (running === null) session.startTurn();
  else if (roll < 0.3) session.delta(`${running.index} `);
  else if (roll < 0.4) session.delta(`${running.index}? `, "reasoning");
  else if (roll < 0.5) session.part({ type: "tool", call: `${running.index}`, name: "search", state: "writing" });
  else if (roll < 0.55 && running.parts.at(-1)?.type === "tool") session.grow("{");
  else if (roll < 0.6) session.notice("typing", running.index);
  else if (roll < 0.7) {
    const { turn, step, attempt, index, parts } = running;
    const text = { type: "text", text: "unseen" } as const;
    session.append({ type: "part", turn, step, attempt, index: index + 1, at: parts.length, part: text }, true);
  } else if (roll < 0.76) session.rewind("again: ", running.attempt + 1);
  else if (roll < 0.8) session.wait(running.questions.length > 0 ? [] : [{ id: "q", title: "May I?", of: "owner" }]);
  else if (roll < 0.84) session.joinInputs();
  else if (roll < 0.9) session.endStep([{ op: "add", path: "/steps", value: running.step }]);
  else session.complete(undefined, [{ op: "add", path: "/turns", value: running.turn }]);
  if (random() < 0.02) session.loseLog();
}

test.each([1, 2, 3, 4, 5])(
  "send-7, chain-3, turn-1: nothing lost, nothing twice, nothing garbled, whatever fails (seed %i)",
  async (seed) => {
    const random = generator(seed);
    const world = new ScriptedWorld();
    const edges = await Promise.all([startEdge({ world, node: "edge-1" }), startEdge({ world, node: "edge-2" })]);
    for (const edge of edges) {
      edge.limits = { ...LIMITS, eventsPerSend: 4 };
      makeUnreliable(edge, random);
    }
    const client = quickClient(edges, { random, bounds: { requestTimeoutMs: 60 } });
    const session = client.session("chat");
    const scripted = world.session("chat");
    const receipts = [];
    for (let i = 1; i <= 150; i++) {
      receipts.push(random() < 0.4 ? session.send(`${i}`) : session.observe(`n${i}`));
      disturbLog(scripted, random);
      if (random() < 0.2) await new Promise((resolve) => setImmediate(resolve));
      if (random() < 0.05) await receipts.at(-1)?.durable;
    }
    await Promise.all(receipts.map((receipt) => receipt.durable));
    for (const edge of edges) edge.script = {};

    expect(scripted.taken.map(({ event }) => event.seq)).toEqual(receipts.map((receipt) => receipt.seq));
    while (scripted.snapshot.turns.flatMap((turn) => turn.inputs).length < inputsOf(scripted)) {
      if (scripted.snapshot.running === null) scripted.startTurn();
      else scripted.complete();
    }
    await Promise.all(receipts.map((receipt) => receipt.applied));
    await eventually(() => {
      const { turns, state, version, running, pending, lag } = session.get();
      expect({ turns, state, version, running }).toEqual({
        turns: scripted.snapshot.turns,
        state: scripted.snapshot.state,
        version: scripted.snapshot.version,
        running: scripted.snapshot.running,
      });
      expect({ pending, lag }).toEqual({ pending: [], lag: { unacked: 0, unapplied: 0 } });
    });
    expect(edges.flatMap((edge) => edge.violations)).toEqual([]);
  },
);

function inputsOf(session: ScriptedSession): number {
  return session.taken.filter(({ event }) => event.kind === "input").length;
}
