import {
  type Input,
  inputSchema,
  jsonObjectSchema,
  MARK_PATTERN,
  type Question,
  questionSchema,
  type Snapshot,
  type Step,
  stepSchema,
  type Turn,
  turnSchema,
} from "@holdfast/contract";
import { areFirstSteps, parseJson, readSnapshot, readSnapshotText } from "@holdfast/internal";
import { listOf, numberOf, pairsOf, ReplyError, textOf } from "./replies.ts";
import { scalars } from "./scripts.ts";
import { storedParts } from "./step-parts.ts";
import type { Shown, SnapshotRead, SnapshotReadOf, SnapshotTextRead, Verification } from "./types.ts";

/** The arguments of `lua/restore.lua`. `common`: as every write has them. */
export function snapshotArguments(common: { [name: string]: number }, snapshot: Snapshot): string[] {
  const { running, turns } = snapshot;
  const { steps = [], parts = [], turn = 0, step = 0, attempt = 0, index = 0 } = running ?? {};
  const { closed, opening, text } = storedParts(parts);
  const counts = { turns: turns.length, steps: steps.length, parts: closed.length };
  const ended = running === null ? (turns.at(-1)?.turn ?? 0) : running.turn - 1;
  return [
    scalars({ ...common, version: snapshot.version, ended, turn, step, attempt, index, ...counts }),
    JSON.stringify(snapshot.agent),
    JSON.stringify(snapshot.state),
    JSON.stringify(running?.origin ?? ""),
    JSON.stringify(running?.inputs ?? []),
    JSON.stringify(running?.questions ?? []),
    running?.replaces === undefined ? "" : JSON.stringify(running.replaces),
    opening,
    text,
    ...[...turns, ...steps].map((value) => JSON.stringify(value)),
    ...closed,
    ...Object.entries(snapshot.applied).flatMap(([mark, seq]) => [mark, String(seq)]),
  ];
}

/**
 * The answer of `lua/snapshot.lua`, parsed. A cache that does not parse counts as cold: it is one of another release, or damaged,
 * and the workflow has the truth either way.
 */
export function snapshotOfReply(reply: unknown): SnapshotRead {
  return readReply(reply, readSnapshot);
}

/** As `snapshotOfReply`, to be passed on: the cache's own texts, put together and then checked as one. */
export function snapshotTextOfReply(reply: unknown): SnapshotTextRead {
  return readReply(reply, readSnapshotText);
}

/** `read`: undefined where the text is no valid snapshot. */
function readReply<S>(reply: unknown, read: (json: string) => S | undefined): SnapshotReadOf<S> {
  const [cursor, whole, verification, headReply, ...content] = listOf(reply);
  const place = { cursor: textOf(cursor), ...verificationOfReply(verification) };
  if (whole !== 1) return { ...place, outcome: "cold" };
  const head = pairsOf(headReply);
  const json = head.get("cold") === "0" ? jsonOf(head, content) : undefined;
  const snapshot = json === undefined ? undefined : read(json);
  if (snapshot === undefined) return { ...place, outcome: "cold" };
  return { ...place, outcome: "snapshot", epoch: numberOf(head.get("epoch")), snapshot };
}

/**
 * The snapshot's text, of JSON texts as they lie in the cache. Undefined where one is missing; not valid JSON where one of them
 * is none.
 */
function jsonOf(head: ReadonlyMap<string, string>, content: unknown[]): string | undefined {
  const [parts, steps, turns, state, appliedReply] = content;
  const number = (name: string): number => numberOf(head.get(name));
  const applied = [...pairsOf(appliedReply)];
  const agent = head.get("agent");
  const running = number("turn") === 0 ? "null" : runningJson(head, textOf(parts), listOf(steps).map(textOf));
  if (!agent || running === undefined || !applied.every(([mark, seq]) => isMark(mark, seq))) return undefined;
  return [
    `{"version":${number("version")},"agent":${agent},`,
    // A session's first turn starts without a state. One that is missing where there was one is noticed by `lua/snapshot.lua`.
    `"state":${textOf(state) || "{}"},`,
    `"turns":[${listOf(turns).map(textOf).join()}],`,
    `"running":${running},`,
    `"applied":{${applied.map(([mark, seq]) => `"${mark}":${seq}`).join()}}}`,
  ].join("");
}

function runningJson(head: ReadonlyMap<string, string>, parts: string, steps: string[]): string | undefined {
  const number = (name: string): number => numberOf(head.get(name));
  const [origin, inputs, questions] = [head.get("origin"), head.get("inputs"), head.get("questions")];
  if (!origin || !inputs || !questions) return undefined;
  const replaces = head.get("replaces") ?? "";
  return [
    `{"turn":${number("turn")},"origin":${origin},"inputs":${inputs},`,
    replaces === "" ? "" : `"replaces":${replaces},`,
    `"steps":[${steps.join()}],"step":${number("step")},"attempt":${number("held")},`,
    `"index":${number("index")},"parts":${parts},"questions":${questions}}`,
  ].join("");
}

function isMark(mark: string, seq: string): boolean {
  return MARK_PATTERN.test(mark) && /^[1-9][0-9]{0,15}$/.test(seq);
}

/** The answer of `lua/verification.lua`. */
export function verificationOfReply(reply: unknown): Verification {
  const [replicationId, verified] = listOf(reply);
  return { replicationId: textOf(replicationId), verified: verified === 1 };
}

/** What follows `shown` in the answer of `lua/commit.lua`. Throws where the cache does not parse: the log needs repair. */
export function shownOfReply([typeReply, stateReply, contentReply]: unknown[]): Shown {
  const type = textOf(typeReply);
  const state = jsonObjectSchema.safeParse(parseJson(textOf(stateReply)));
  const content = parseJson(textOf(contentReply));
  if (!state.success) throw unreadable();
  switch (type) {
    case "turn.ended":
      return { type, state: state.data, turn: parsedBy(turnSchema, content) };
    case "step.ended":
      return { type, state: state.data, step: parsedBy(stepSchema, content) };
    case "inputs.joined":
      return { type, state: state.data, inputs: parsedBy<Input[]>(inputSchema.array(), content) };
    case "turn.waiting":
      return { type, state: state.data, questions: parsedBy<Question[]>(questionSchema.array(), content) };
    case "state.patched":
      return { type, state: state.data };
    default:
      throw unreadable();
  }
}

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

function parsedBy<T>(schema: Schema<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw unreadable();
}

function unreadable(): ReplyError {
  return new ReplyError("The session log's cache cannot be read.");
}

/** Committed turns from the cache, the last before `turn`; undefined when one does not parse, or one is missing. */
export function turnsBefore(turn: number, replies: unknown[]): Turn[] | undefined {
  const turns = turnSchema.array().safeParse(replies.map((reply) => parseJson(textOf(reply))));
  if (!turns.success) return undefined;
  const isDense = turns.data.every((committed, i) => committed.turn === turn - replies.length + i);
  return isDense ? turns.data : undefined;
}

/** The steps before `step`; undefined when one does not parse, or one is missing. */
export function stepsBefore(step: number, replies: unknown[]): Step[] | undefined {
  const steps = stepSchema.array().safeParse(replies.map((reply) => parseJson(textOf(reply))));
  return steps.success && areFirstSteps(steps.data, step) ? steps.data : undefined;
}
