import assert from "node:assert/strict";
import type { BodyOf, Frame } from "@holdfast/contract/frames";
import type { Part } from "@holdfast/contract/parts";
import { reduceFrame } from "@holdfast/contract/reduce";
import { emptySnapshot, type Snapshot } from "@holdfast/contract/snapshot";
import type { StepResult } from "@holdfast/internal/temporal";
import type { Commit } from "@holdfast/activities/publish";
import { expect, test } from "vitest";
import { type AgentTurn, defineAgent } from "../agents/define-agent.ts";
import { Session } from "./session.ts";
import type { StepCall, TurnDeps } from "./turn.ts";

const RUN = { id: "run-1", startedAt: 1 };
const START = { key: { tenant: "t", owner: "o", name: "n" }, agent: "collector", lane: "shared" };

/** Deterministic: a failing seed fails again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}

type Collected = { seen: string[]; words: { [word: string]: number } };

/** A session, its log as far as a reader can tell, and a reader that has followed it from the beginning. */
class Followed {
  session: Session;
  reader: Snapshot = emptySnapshot("collector");
  seq = 0;
  readonly #pick: (below: number) => number;
  readonly #agent = defineAgent<Collected>({
    name: "collector",
    initialState: { seen: [], words: {} },
    publishObserved: "at-once",
    onTurn: (turn) => this.#onTurn(turn),
    onObserve(state, events) {
      for (const { name } of events) state.seen = [...state.seen.filter((other) => other !== name), name].slice(-20);
    },
  });

  constructor(seed: number) {
    this.#pick = random(seed);
    this.session = new Session(START, this.#agent, RUN);
  }

  chance(of: number): boolean {
    return this.#pick(of) === 0;
  }

  receive(): void {
    const events = Array.from({ length: 1 + this.#pick(4) }, () => {
      this.seq++;
      return this.chance(3)
        ? { seq: this.seq, kind: "input", text: "hi" }
        : { seq: this.seq, kind: "observe", name: `n${this.#pick(30)}` };
    });
    const whose = { by: `s${this.#pick(2)}`, producer: `p${this.#pick(2)}` };
    this.session.receive({ runs: [{ ...whose, at: this.seq, events }] });
  }

  continueAsNew(): void {
    const continued = JSON.parse(JSON.stringify(this.session.continued(false, false)));
    this.session = new Session(START, this.#agent, RUN, continued);
  }

  /** As the log does: what readers hold of a step is not sent again. */
  publish({ frame, state }: Commit): void {
    const { running } = this.reader;
    const isHeld =
      "attempt" in frame && frame.step === running?.step && frame.attempt > 0 && frame.index === running?.index;
    this.read(isHeld ? { ...frame, parts: undefined } : frame);
    assert.deepEqual(this.reader.state, state);
    this.#compare();
  }

  read(body: BodyOf<Exclude<Frame["type"], "snapshot">>): void {
    const reduction = reduceFrame(this.reader, { ...body, id: "1", prev: "0" });
    if (reduction.outcome !== "applied") throw new Error(`${reduction.outcome}: ${JSON.stringify(body)}`);
    this.reader = reduction.snapshot;
  }

  async takeTurn(): Promise<void> {
    const turn = this.session.startTurn(this.#deps);
    if (turn === undefined) return;
    this.read(turn.started());
    this.#compare();
    const end = await turn.run();
    const commit = this.session.endTurn(end);
    if (commit !== undefined) this.publish(commit);
  }

  readonly #deps: TurnDeps = {
    respond: async (call) => this.#respond(call),
    publishStep: async () => this.publish(this.session.endStep()),
    heldStep: async () => {
      const running = this.reader.running;
      if (running === null || this.chance(4)) return undefined;
      const { step, attempt, index, parts } = running;
      return { step, attempt, index, parts };
    },
    onDefect: () => {},
    log: { error: () => {} },
  };

  async #onTurn(turn: AgentTurn<Collected>): Promise<void> {
    for (let steps = this.#pick(4); steps > 0; steps--) {
      try {
        const { text } = await turn.reply();
        turn.update(({ words, ...rest }) => ({ ...rest, words: { ...words, [text]: (words[text] ?? 0) + 1 } }));
      } catch (error) {
        if (this.chance(2)) throw error;
      }
      if (this.chance(3)) this.receive();
      if (this.chance(6)) this.session.interrupt(undefined, "ann");
    }
  }

  /** A worker, whose attempts readers follow; some fail for good, and of some the log does not get all. */
  #respond({ turn, step }: StepCall): StepResult {
    if (this.chance(3)) this.receive();
    let parts: Part[] = [];
    for (let attempt = 1; ; attempt++) {
      const growth = { turn, step, attempt };
      const index = (): number => (this.reader.running?.index ?? 0) + 1;
      if (attempt > 1) this.read({ type: "rewind", ...growth, index: index(), parts: [] });
      parts = [];
      for (let count = this.#pick(4); count > 0; count--) {
        const text = `w${this.#pick(9)}`;
        this.read({ type: "delta", ...growth, index: index(), at: parts.length, begins: "text", text });
        parts.push({ type: "text", text });
      }
      if (this.chance(4)) continue;
      if (this.chance(6)) throw new Error("failed for good");
      const made = { attempt, parts, finish: "stop" as const, model: "m", spentMs: 1 };
      if (this.chance(5)) return { ...made, parts: [...parts, { type: "text", text: "which the log has not" }] };
      return { ...made, index: this.reader.running?.index ?? 0 };
    }
  }

  /** What the workflow says, but for the step that runs, whose parts it does not know. */
  #compare(): void {
    const snapshot = this.session.snapshot();
    const running = this.reader.running;
    const known = running && { ...running, attempt: 1, index: 0, parts: [] };
    assert.deepEqual({ ...this.reader, running: known }, snapshot);
  }
}

test.for(Array.from({ length: 20 }, (_, seed) => seed))(
  "snap-1, frame-2, frame-3, end-1: a reader of the frames holds what the session's snapshot says (seed %i)",
  async (seed) => {
    const followed = new Followed(seed);
    followed.reader = { ...followed.reader, state: followed.session.snapshot().state };
    for (let round = 0; round < 70; round++) {
      if (followed.chance(2)) followed.receive();
      if (followed.session.patchDue && followed.chance(2)) followed.publish(followed.session.patchObserved());
      if (followed.chance(10)) followed.continueAsNew();
      await followed.takeTurn();
    }
    expect(followed.reader.turns.length).toBeGreaterThan(20);
    expect(followed.reader.turns.some(({ steps }) => steps.length > 1)).toBe(true);
  },
);
