import { jsonObjectSchema, type Snapshot, type Turn, turnSchema } from "@holdfast/contract";
import { parseJson, readSnapshot, readSnapshotText } from "@holdfast/internal";
import { escapeText } from "./json-text.ts";
import { listOf, pairsOf, ReplyError, textOf } from "./replies.ts";
import type { Shown, SnapshotRead, SnapshotReadOf, SnapshotTextRead, Verification } from "./types.ts";

/** The arguments of `lua/restore.lua`. */
export function snapshotArguments(snapshot: Snapshot): (string | number)[] {
  const { running } = snapshot;
  const ended = running === null ? (snapshot.turns.at(-1)?.turn ?? 0) : running.turn - 1;
  return [
    snapshot.version,
    snapshot.agent,
    JSON.stringify(snapshot.state),
    ended,
    ...(running === null
      ? [0, 0, 0, 0, "", 0, "[]"]
      : [
          running.turn,
          running.step,
          running.attempt,
          running.index,
          escapeText(running.text),
          running.text.length,
          JSON.stringify(running.inputs),
        ]),
    snapshot.turns.length,
    ...snapshot.turns.map((turn) => JSON.stringify(turn)),
    ...Object.entries(snapshot.applied).flat(),
  ];
}

/**
 * The answer of `lua/snapshot.lua`. A cache that does not parse counts as cold: it is one of another release, or damaged,
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
  const [cursor, whole, verification, headReply, text, turns, state, appliedReply] = listOf(reply);
  const place = { cursor: textOf(cursor), ...verificationOfReply(verification) };
  if (whole !== 1) return { ...place, outcome: "cold" };
  const head = pairsOf(headReply);
  const snapshot =
    head.get("cold") === "0"
      ? read(jsonOf(head, textOf(text), listOf(turns).map(textOf), textOf(state), pairsOf(appliedReply)))
      : undefined;
  if (snapshot === undefined) return { ...place, outcome: "cold" };
  return { ...place, outcome: "snapshot", epoch: Number(head.get("epoch") ?? 0), snapshot };
}

/** The snapshot's text, of JSON texts as they lie in the cache. Not valid JSON where one of them is none. */
function jsonOf(
  head: ReadonlyMap<string, string>,
  text: string,
  turns: readonly string[],
  state: string,
  applied: ReadonlyMap<string, string>,
): string {
  const number = (name: string): number => Number(head.get(name));
  const running =
    number("turn") === 0
      ? "null"
      : `{"turn":${number("turn")},"inputs":${head.get("inputs")},"step":${number("step")},"attempt":${number("attempt")},` +
        `"index":${number("index")},"text":"${text}"}`;
  const marks = Object.fromEntries([...applied].map(([producer, seq]) => [producer, Number(seq)]));
  // A session's first turn starts without a state. One that is missing where there was one is told by `lua/head.lua`.
  return (
    `{"version":${number("version")},"agent":${JSON.stringify(head.get("agent") ?? "")},"state":${state || "{}"},` +
    `"turns":[${turns.join(",")}],"running":${running},"applied":${JSON.stringify(marks)}}`
  );
}

/** The answer of `lua/verification.lua`. */
export function verificationOfReply(reply: unknown): Verification {
  const [replicationId, verified] = listOf(reply);
  return { replicationId: textOf(replicationId), verified: verified === 1 };
}

/** What follows `shown` in the answer of `lua/commit.lua`. Throws where the cache does not parse: the log needs repair. */
export function shownOfReply([stateReply, turnReply]: unknown[]): Shown {
  const state = jsonObjectSchema.safeParse(parseJson(textOf(stateReply)));
  const turn = turnReply === "" ? undefined : turnSchema.safeParse(parseJson(textOf(turnReply)));
  if (!state.success || turn?.success === false) throw new ReplyError("The session log's cache cannot be read.");
  return { state: state.data, ...(turn !== undefined && { turn: turn.data }) };
}

/** Committed turns from the cache, the last before `turn`; undefined when one does not parse, or one is missing. */
export function turnsBefore(turn: number, replies: unknown[]): Turn[] | undefined {
  const turns: Turn[] = [];
  for (const [i, reply] of replies.entries()) {
    const parsed = turnSchema.safeParse(parseJson(textOf(reply)));
    if (!parsed.success || parsed.data.turn !== turn - replies.length + i) return undefined;
    turns.push(parsed.data);
  }
  return turns;
}
