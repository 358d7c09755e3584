import type { BodyOf, Cursor, Input, Part, Question, Snapshot, Step, Turn } from "@holdfast/contract";
import type { FrameText, LogFrame, SnapshotText } from "@holdfast/internal";

/** A turn. It needs the epoch beside the number: a session that begins again counts from 1 again. */
export interface TurnRef {
  /** Of the session: see `SessionState`. */
  epoch: number;
  turn: number;
}

/** Which attempt of which step of which turn is writing. Ordered by (epoch, turn, step, attempt). */
export interface Fence extends TurnRef {
  step: number;
  attempt: number;
}

/**
 * What became of a write. Outcomes are data: none of them is an error of the caller.
 * - `appended`: it stands in the log.
 * - `duplicate`: it stood there before (a client library's resend, a retried activity); nothing changed.
 * - `stale`: a later attempt, the step's or the turn's end, or a new epoch has overtaken the writer; it must stop. (A commit of
 *   a session that has begun again since is a `duplicate`: it stood there once.)
 * - `gap`: a growing frame does not fit what the log holds, and was not written (repair by a `rewind`).
 *   A versioned frame was written all the same, after a `resync` frame: readers resynchronise by snapshot, and the cache is cold
 *   until `putSnapshot`. So is a frame under whose version another run had published other content.
 */
export type AppendOutcome = "appended" | "duplicate" | "stale" | "gap";

/** What an attempt finds when it takes the fence. */
export interface Begun {
  /** `stale`: a later attempt, the step's or the turn's end is there already; the attempt must stop. */
  outcome: "ok" | "stale";
  /** What readers hold of this very step; none where the log lost it. */
  parts: Part[];
  /** Index of the turn's last growing frame. */
  index: number;
  /** An interrupt of this turn was requested. */
  stop: boolean;
  /** The turn's steps before this one; undefined when the log does not hold all of them: ask the workflow. */
  steps: Step[] | undefined;
  /** Up to `contextTurns` newest committed turns, oldest first; undefined when the cache is cold: ask the workflow. */
  turns: Turn[] | undefined;
}

/** What an attempt adds to its step: a growing frame without its fence. The log gives it its index. */
export type Growth = GrowthOf<"delta"> | GrowthOf<"part"> | GrowthOf<"rewind">;
type GrowthOf<T extends "delta" | "part" | "rewind"> = Omit<BodyOf<T>, "turn" | "step" | "attempt" | "index">;

export interface Written {
  outcome: AppendOutcome;
  /** An interrupt of this turn was requested. */
  stop: boolean;
  /** Index of the turn's last growing frame in the log, 0 for none. */
  index: number;
}

/**
 * What readers were given under the version of a commit, by the same run before a workflow task was executed again; nothing
 * was written. The caller adopts it.
 */
export interface Shown {
  /** Of the frame that readers were given: a task that is executed again may come to another. */
  type: CommittedBody["type"];
  /** The state after it. */
  state: Snapshot["state"];
  /** Of `turn.ended`. */
  turn?: Turn;
  /** Of `step.ended`. */
  step?: Step;
  /** Of `inputs.joined`: all inputs of the turn. */
  inputs?: Input[];
  /** Of `turn.waiting`. */
  questions?: Question[];
}

/**
 * What a workflow commits. The end of a step brings the step's parts, and so does that of a turn where it names a step: the log
 * leaves them out of the frame where readers hold them.
 */
export type CommittedBody =
  | (BodyOf<"step.ended"> & { parts: Part[] })
  | BodyOf<"turn.waiting">
  | BodyOf<"inputs.joined">
  | BodyOf<"turn.ended">
  | BodyOf<"state.patched">;

/** A commit of the workflow: the frame and what keeps the snapshot cache exact. */
export interface Commit {
  /** Id of the workflow's run. */
  run: string;
  /** Of the session: see `SessionState`. */
  epoch: number;
  frame: CommittedBody;
  /** The agent's whole state after it. */
  state: Snapshot["state"];
  /** With a turn's end: the committed turn, and how many turns `boundTurns` keeps including it. */
  turn?: Turn;
  keepTurns?: number;
  /** The turn that by this commit is no longer among LIMITS.wholeTurns, as `boundTurns` shrinks it. Left out if there was nothing to shrink. */
  shrunk?: Turn;
}

type PageOf<Frame> =
  /** `frames` follow `cursor` without a gap; `more`: the page was full, so there may be more. */
  | { outcome: "frames"; frames: Frame[]; more: boolean }
  /** The log does not hold this cursor (trimmed, lost, never written): only a snapshot helps. */
  | { outcome: "unknown" };
/** Whole frames, or frames to be passed on. */
export type ReadResult = PageOf<LogFrame>;
export type TextsRead = PageOf<FrameText>;

/**
 * Whether the log can be believed. A replication id is one history of the server's writes. A failover or a restart, which may lose
 * acknowledged writes, begins another. `verified`: within this replication id the workflow was asked, and the log held all it said.
 * So no acknowledged write has been lost since.
 */
export interface Verification {
  /** For `markVerified`, after asking the workflow. `""` if the server does not tell. */
  replicationId: string;
  verified: boolean;
}

export type SnapshotReadOf<S> = Verification &
  (
    | { outcome: "snapshot"; epoch: number; snapshot: S; cursor: Cursor }
    /** Nothing cached, or the log lost something: ask the workflow, then `putSnapshot`. */
    | { outcome: "cold"; cursor: Cursor }
  );

/** A whole snapshot, or one to be passed on. */
export type SnapshotRead = SnapshotReadOf<Snapshot>;
export type SnapshotTextRead = SnapshotReadOf<SnapshotText>;

export interface Head {
  /** Cursor of the last frame, `"0"` for no log. */
  cursor: Cursor;
  /** 0 for a log that no epoch has written to. */
  epoch: number;
  version: number;
  cold: boolean;
  /** Number of the running turn, 0 for none, and index of its last growing frame. */
  turn: number;
  index: number;
}
