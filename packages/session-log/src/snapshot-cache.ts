import { jsonObjectSchema, type Snapshot, snapshotSchema, type Turn, turnSchema } from "@holdfast/contract";
import { escapeText, parseJson } from "./json-text.ts";
import { listOf, pairsOf, ReplyError, textOf } from "./replies.ts";
import type { Verification, Shown, SnapshotRead } from "./types.ts";

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
  const [cursor, whole, verification, headReply, text, turns, state, appliedReply] = listOf(reply);
  const cold: SnapshotRead = { outcome: "cold", cursor: textOf(cursor), ...verificationOfReply(verification) };
  if (whole !== 1) return cold;
  const head = pairsOf(headReply);
  if (head.get("cold") !== "0") return cold;
  const parsed = snapshotSchema.safeParse({
    version: Number(head.get("version")),
    agent: head.get("agent") ?? "",
    // A session's first turn starts without one. One that is missing where there was one is told by `lua/head.lua`.
    state: textOf(state) === "" ? {} : parseJson(textOf(state)),
    turns: listOf(turns).map((turn) => parseJson(textOf(turn))),
    running: runningOf(head, textOf(text)),
    applied: Object.fromEntries([...pairsOf(appliedReply)].map(([producer, seq]) => [producer, Number(seq)])),
  });
  if (!parsed.success || !isCountedOn(parsed.data)) return cold;
  const epoch = Number(head.get("epoch") ?? 0);
  return { ...cold, outcome: "snapshot", epoch, snapshot: parsed.data };
}

/** snap-2: no turn is missing between the first that is kept and the running one. */
function isCountedOn({ turns, running }: Snapshot): boolean {
  const next = running?.turn;
  return turns.every(({ turn }, i) => {
    const after = turns[i + 1]?.turn ?? next;
    return after === undefined || after === turn + 1;
  });
}

/** The answer of `lua/verification.lua`. */
export function verificationOfReply(reply: unknown): Verification {
  const [replicationId, verified] = listOf(reply);
  return { replicationId: textOf(replicationId), verified: verified === 1 };
}

function runningOf(head: Map<string, string>, text: string): unknown {
  const number = (name: string): number => Number(head.get(name));
  if (number("turn") === 0) return null;
  return {
    turn: number("turn"),
    inputs: parseJson(head.get("inputs") ?? ""),
    step: number("step"),
    attempt: number("attempt"),
    index: number("index"),
    text: parseJson(`"${text}"`),
  };
}

/** What follows `shown` in the answer of `lua/commit.lua`. Throws where the cache does not parse: the log needs healing. */
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
