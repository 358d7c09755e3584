import type { VersionedBody } from "@holdfast/contract/frames";
import { markOf } from "@holdfast/contract/marks";
import { reduceFrame } from "@holdfast/contract/reduce";
import { emptySnapshot, type Snapshot } from "@holdfast/contract/snapshot";
import { expect, test } from "vitest";
import { concierge } from "../agents/concierge.ts";
import { Session } from "./session.ts";
import { TurnFailure } from "./turn-failure.ts";

const RUN = { id: "run-1", startedAt: 1 };

/** Deterministic: a failing seed fails again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

test.for(Array.from({ length: 20 }, (_, seed) => seed))(
  "snap-1, frame-2, frame-3: a reader of the frames holds what the session's snapshot says (seed %i)",
  async (seed) => {
    const pick = random(seed);
    const start = { key: { tenant: "t", owner: "o", name: "n" }, agent: "concierge", lane: "shared" };
    let session = new Session(start, concierge, RUN);
    let reader: Snapshot = { ...emptySnapshot("concierge"), state: session.snapshot().state };
    let seq = 0;

    const read = (body: VersionedBody): void => {
      const frame = { ...body, id: "1", prev: "0" };
      const reduction = reduceFrame(reader, frame);
      if (reduction.outcome !== "applied") throw new Error(`${reduction.outcome}: ${JSON.stringify(frame)}`);
      reader = reduction.snapshot;
    };
    const receive = (): void => {
      const events = Array.from({ length: 1 + pick(4) }, () => {
        seq++;
        return pick(3) === 0 ? { seq, kind: "input", text: "hi" } : { seq, kind: "observe", name: `n${pick(30)}` };
      });
      session.receive({ runs: [{ by: `s${pick(2)}`, producer: `p${pick(2)}`, at: seq, events }] });
    };

    for (let round = 0; round < 150; round++) {
      if (pick(2) === 0) receive();
      if (session.patchDue && pick(2) === 0) read(session.patchObserved().frame);
      if (pick(10) === 0)
        session = new Session(start, concierge, RUN, JSON.parse(JSON.stringify(session.carry(false, false))));
      const run = session.startTurn();
      if (run === undefined) continue;
      const { turn, version, input } = run;
      const applied = { [markOf(input.by, input.producer)]: input.seq };
      read({ type: "turn.started", version, turn, agent: "concierge", inputs: [input], applied });
      await concierge.onTurn({
        turn,
        input,
        state: () => session.draft(),
        setState: (value) => session.setDraft(value),
        async respond(request) {
          run.beginStep(request);
          if (pick(3) === 0) receive();
          const keywords = Array.from({ length: pick(4) }, () => `k${pick(40)}`);
          const enrichment = { sentiment: pick(3) - 1, entities: [{ text: `e${pick(40)}`, type: "X" }], keywords };
          const result = {
            text: `t${turn}`,
            finish: "stop" as const,
            model: "m",
            enrichment,
            spentMs: 1,
          };
          run.stepFinished(result);
          return result;
        },
      });
      const failed = pick(5) === 0;
      const end = session.endTurn(
        failed ? { outcome: "failed", failure: new TurnFailure("agent_error", "x") } : { outcome: "completed" },
      );
      read(end.frame);
      expect(reader.state).toEqual(end.state);
      expect(reader).toEqual(session.snapshot());
    }
    expect(reader.turns.length).toBeGreaterThan(20);
  },
);
