import type { Event } from "@holdfast/contract/events";
import type { SessionStart, StepResult } from "@holdfast/internal/temporal";
import { defineAgent } from "../src/agents/define-agent.ts";
import type { ContinuedSession } from "../src/session/continue-as-new.ts";
import { Session } from "../src/session/session.ts";
import type { Turn, TurnDeps } from "../src/session/turn.ts";
import { stepResult } from "./turn-fixture.ts";

type Seen = { clicks: string[]; note: string };

export const watcher = defineAgent<Seen>({
  name: "watcher",
  initialState: { clicks: [], note: "" },
  async onTurn(turn) {
    await turn.reply();
  },
  onObserve(state, events) {
    for (const { name } of events) {
      if (name === "boom") throw new Error("boom");
      state.clicks.push(name);
    }
  },
});

const START: SessionStart = { key: { tenant: "acme", owner: "ann", name: "s" }, agent: "watcher", lane: "shared" };

export function newSession(agent = watcher, before?: ContinuedSession): Session {
  return new Session(START, agent, { id: "run-1", startedAt: 1 }, before);
}

export function send(session: Session, producer: string, ...events: Event[]) {
  return session.receive({ runs: [{ by: "ann", producer, at: 1, events }] });
}

export const input = (seq: number, text = `text ${seq}`): Event => ({ seq, kind: "input", text });
export const taken = (seq: number, producer = "p") => ({
  by: "ann",
  producer,
  seq,
  origin: "user",
  at: 1,
  text: `text ${seq}`,
});
export const observe = (seq: number, name: string): Event => ({ seq, kind: "observe", name });
export function depsOf(result: StepResult = stepResult("ok")): TurnDeps {
  return {
    respond: async () => result,
    publishStep: async () => {},
    heldStep: async () => undefined,
    onDefect: () => {},
    log: { error: () => {} },
  };
}

/** Begins the next turn; its model has to be asked by the test. */
export function startTurn(session: Session, result?: StepResult): Turn {
  const turn = session.startTurn(depsOf(result));
  if (turn === undefined) throw new Error("There is no input.");
  return turn;
}

/** Takes the next input, from the turn's start to what is published for its end. */
export async function completeTurn(session: Session, result?: StepResult) {
  const commit = session.endTurn(await startTurn(session, result).run());
  if (commit === undefined) throw new Error("There is nothing to publish.");
  return commit;
}

/** One that has had a turn. */
export async function oldSession(agent = watcher): Promise<Session> {
  const session = newSession(agent);
  send(session, "p", input(1));
  await completeTurn(session);
  return session;
}

export function handedOn<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}
