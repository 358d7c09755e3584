import type { Json } from "@holdfast/contract/json";
import type { Turn } from "@holdfast/contract/turn";
import type {
  CommandCall,
  EventBatch,
  HistoryPage,
  HistoryQuery,
  SessionStart,
  SessionState,
} from "@holdfast/internal/temporal";
import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from "@temporalio/workflow";
import { Transcript } from "../../../workflows/src/session/transcript.ts";

/**
 * Stands in for a session where a test looks at the edge alone: keeps what it was sent, and answers what the test told it
 * to (`hold`).
 */
export async function session(start: SessionStart): Promise<void> {
  const received: EventBatch[] = [];
  let truth: SessionState = {
    epoch: 1,
    snapshot: { version: 0, agent: start.agent, state: {}, turns: [], running: null, applied: {} },
  };
  setHandler(defineSignal<[EventBatch]>("events"), (batch) => {
    received.push(batch);
  });
  let olderTurns: Turn[] = [];
  setHandler(defineSignal<[SessionState, Turn[]]>("hold"), (held, before) => {
    truth = held;
    olderTurns = before;
  });
  setHandler(defineQuery<HistoryPage, [HistoryQuery]>("history"), (query) => {
    const { turns } = truth.snapshot;
    return new Transcript({ turns, olderTurns, lastTurn: 0 }).history(query);
  });
  setHandler(defineQuery<EventBatch[]>("received"), () => received);
  setHandler(defineQuery<SessionState>("snapshot"), () => truth);
  setHandler(defineUpdate<Json, [CommandCall]>("command"), answer, { validator: refuse });
  await condition(() => false);
}

let answers = 0;

async function answer(call: CommandCall): Promise<Json> {
  if (call.name === "hang") await condition(() => false);
  return { args: call.args, answers: ++answers };
}

function refuse({ name }: CommandCall): void {
  if (name === "echo" || name === "hang") return;
  const type = name === "refuse" ? "command_refused" : "unknown_command";
  throw ApplicationFailure.create({ type, message: `Not ${name}.`, nonRetryable: true });
}
