import type {
  BodyOf,
  Input,
  JsonObject,
  Part,
  PatchOperation,
  Question,
  SessionKey,
  Step,
  TextPart,
  Turn,
} from "@holdfast/contract";
import { type FrameText, type LogFrame, readLogFrame } from "@holdfast/internal";
import type { Commit, Fence, SessionLog, Written } from "../src/index.ts";

let sessions = 0;

/** A session no other test uses. */
export function newKey(): SessionKey {
  return { tenant: "acme", owner: "ada", name: `s${process.pid}-${++sessions}` };
}

export function inputOf(turn: number): Input {
  return { by: "ann", producer: "tab-1", seq: turn, origin: "user", at: 1_700_000_000_000, text: `question ${turn}` };
}

export function started(
  turn: number,
  version: number,
  more: Partial<BodyOf<"turn.started">> = {},
): BodyOf<"turn.started"> {
  const begun = { turn, agent: "concierge", origin: "user" as const, inputs: [inputOf(turn)] };
  return { type: "turn.started", version, ...begun, applied: { "ann/tab-1": turn }, ...more };
}

export function fence(turn: number, attempt = 1, step = 1, epoch = 1): Fence {
  return { epoch, turn, step, attempt };
}

/** A turn as it begins, in a snapshot. */
export function running(turn: number) {
  const begun = { turn, origin: "user" as const, inputs: [inputOf(turn)] };
  return { ...begun, steps: [], step: 1, attempt: 1, index: 0, parts: [], questions: [] };
}

export function textPart(text: string): TextPart {
  return { type: "text", text };
}

/** Adds to the step's first part, a text, which the writer's first write begins. */
export async function say(log: SessionLog, key: SessionKey, by: Fence, seq: number, text: string): Promise<Written> {
  return log.write(key, by, seq, { type: "delta", at: 0, ...(seq === 1 && { begins: "text" }), text });
}

/** The step is this text from now on. */
export async function rewind(log: SessionLog, key: SessionKey, by: Fence, seq: number, text: string): Promise<Written> {
  return log.write(key, by, seq, { type: "rewind", parts: text === "" ? [] : [textPart(text)] });
}

/** A committed turn of one step. */
export function turnOf(turn: number, text: string): Turn {
  const steps: Step[] = [{ step: 1, attempt: 0, parts: [textPart(text)] }];
  return { turn, origin: "user", inputs: [inputOf(turn)], steps, outcome: "completed", finish: "stop" };
}

/** The commit of a turn's end in its first step, of which nobody knows what readers hold. `patch` must lead to `state`. */
export function ended(
  turn: number,
  version: number,
  text: string,
  state: JsonObject = {},
  patch: PatchOperation[] = [],
): Commit {
  const covers = { step: 1, attempt: 0, index: 0, parts: [textPart(text)] };
  const frame: BodyOf<"turn.ended"> = {
    type: "turn.ended",
    version,
    turn,
    outcome: "completed",
    finish: "stop",
    ...covers,
    patch,
  };
  return { run: "run-1", epoch: 1, frame, state, turn: turnOf(turn, text), keepTurns: Math.min(turn, 200) };
}

/** The same, of an answer of which readers hold `parts` when they stand at `index` of the first attempt. */
export function endedAt(turn: number, version: number, index: number, parts: Part[]): Commit {
  const commit = ended(turn, version, "");
  if (commit.frame.type !== "turn.ended" || commit.turn === undefined) throw new TypeError("no end of a turn");
  const covers = { step: 1, attempt: 1, parts };
  return { ...commit, frame: { ...commit.frame, ...covers, index }, turn: { ...commit.turn, steps: [covers] } };
}

export function patched(version: number, state: JsonObject, patch: PatchOperation[]): Commit {
  return { run: "run-1", epoch: 1, frame: { type: "state.patched", version, patch }, state };
}

/** The commit of a step's end. `place`: where readers stand who hold `parts`. */
export function stepEnded(
  turn: number,
  version: number,
  place: { step: number; attempt: number; index: number },
  parts: Part[],
): Commit {
  const frame = { type: "step.ended" as const, version, turn, ...place, parts, patch: [] };
  return { run: "run-1", epoch: 1, frame, state: {} };
}

export function waiting(turn: number, version: number, questions: Question[]): Commit {
  return { run: "run-1", epoch: 1, frame: { type: "turn.waiting", version, turn, questions }, state: {} };
}

export function joined(turn: number, version: number, inputs: Input[], applied: { [mark: string]: number }): Commit {
  return { run: "run-1", epoch: 1, frame: { type: "inputs.joined", version, turn, inputs, applied }, state: {} };
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
