import type {
  Input,
  JsonObject,
  PatchOperation,
  SessionKey,
  StatePatchedBody,
  Turn,
  TurnEndedBody,
  TurnStartedBody,
} from "@holdfast/contract";
import { type FrameText, type LogFrame, readLogFrame } from "@holdfast/internal";
import type { Commit, Fence, SessionLog } from "../src/index.ts";

let sessions = 0;

/** A session no other test uses. */
export function newKey(): SessionKey {
  return { tenant: "acme", owner: "ada", name: `s${process.pid}-${++sessions}` };
}

export function inputOf(turn: number): Input {
  return { by: "ann", producer: "tab-1", seq: turn, text: `question ${turn}` };
}

export function started(turn: number, version: number, more: Partial<TurnStartedBody> = {}): TurnStartedBody {
  return {
    type: "turn.started",
    version,
    turn,
    agent: "concierge",
    inputs: [inputOf(turn)],
    applied: { "ann/tab-1": turn },
    ...more,
  };
}

export function fence(turn: number, attempt = 1, step = 1, epoch = 1): Fence {
  return { epoch, turn, step, attempt };
}

/** The commit of a turn's end. `patch` must lead from the state before it to `state`. */
export function ended(
  turn: number,
  version: number,
  text: string,
  state: JsonObject = {},
  patch: PatchOperation[] = [],
): Commit {
  const frame: TurnEndedBody = { type: "turn.completed", version, turn, text, finish: "stop", patch };
  const committed: Turn = { turn, inputs: [inputOf(turn)], outcome: "completed", text, finish: "stop" };
  return { run: "run-1", epoch: 1, frame, state, turn: committed, keepTurns: Math.min(turn, 200) };
}

export function patched(version: number, state: JsonObject, patch: PatchOperation[]): Commit {
  const frame: StatePatchedBody = { type: "state.patched", version, patch };
  return { run: "run-1", epoch: 1, frame, state };
}

export async function allFrames(log: SessionLog, key: SessionKey): Promise<LogFrame[]> {
  const read = await log.read(key, "0", 10_000);
  if (read.outcome === "unknown") throw new Error("the log was trimmed");
  return read.frames;
}

/** A frame that is to be passed on, as a reader that takes all of it has it. */
export function wholeOf({ json }: FrameText): LogFrame {
  const frame = readLogFrame(JSON.parse(json));
  if (frame === undefined) throw new Error(`Not a frame: ${json}`);
  return frame;
}
