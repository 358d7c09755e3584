import { randomInt } from "node:crypto";
import { type BodyOf, type Cursor, type Json, LIMITS, type SessionKey } from "@holdfast/contract";
import { type FrameText, type HeldStep, readLogFrame, type SessionState } from "@holdfast/internal";
import type { Cluster, Redis } from "ioredis";
import { keysOf, probeKeysOf } from "./keys.ts";
import { frameOfEntry, listOf, numberOf, outcomeOf, textOf } from "./replies.ts";
import { defineScripts, scalars } from "./scripts.ts";
import {
  shownOfReply,
  snapshotArguments,
  snapshotOfReply,
  snapshotTextOfReply,
  stepsBefore,
  turnsBefore,
  verificationOfReply,
} from "./snapshot-cache.ts";
import { escapeText, openingOf, partsOfReply, storedParts } from "./step-parts.ts";
import type {
  AppendOutcome,
  Begun,
  Commit,
  CommittedBody,
  Fence,
  Growth,
  Head,
  ReadResult,
  Shown,
  SnapshotRead,
  SnapshotTextRead,
  TextsRead,
  TurnRef,
  Verification,
  Written,
} from "./types.ts";

/** Ids this package wrote. Redis answers an error to what only looks like one, and clients choose what they send. */
const ENTRY_ID = /^[0-9]{1,16}-[0-9]{1,16}$/;

/** What a log is bounded by, beside `LIMITS`. */
export interface SessionLogOptions {
  /** Bytes of a log's frames. */
  bytes?: number;
}

/** Seconds a verification is kept that there is nothing to hold: anybody may open sessions nobody ever sends anything to. */
const EMPTY_VERIFICATION_SECONDS = 60;

/**
 * The per-session log in Redis and the snapshot cache beside it. Every method is one round trip and atomic, may be
 * repeated, and rejects with ioredis's error when Redis does not answer: nothing may wait for Redis, which is a cache
 * that may vanish. What a write met is its outcome, not an error (see `AppendOutcome`).
 *
 * Every write names its session's epoch. The first of a higher one buries what the log has and sends readers to a
 * snapshot; one of a lower is refused, like any writer that was overtaken.
 */
export class SessionLog {
  readonly #redis: Redis | Cluster;
  readonly #bytes: number;

  /** `redis`: the process's connection for commands. */
  constructor(redis: Redis | Cluster, { bytes = LIMITS.logBytes }: SessionLogOptions = {}) {
    this.#redis = redis;
    this.#bytes = bytes;
    defineScripts(redis);
  }

  /**
   * An attempt takes the fence: lower ones are `stale` from now on. Appends `turn.started` unless the log has its version,
   * and makes a lost log anew. `seq`: the highest number this writer has used for `write`, 0 for a new attempt.
   */
  async begin(
    key: SessionKey,
    fence: Fence,
    started: BodyOf<"turn.started">,
    { contextTurns = 0, seq = 0 }: { contextTurns?: number; seq?: number } = {},
  ): Promise<Begun> {
    const { turn, step, attempt } = fence;
    const { version, replaces } = started;
    const producers = 2 * LIMITS.producers;
    const reply = await this.#redis.holdfastBegin(
      ...keysOf(key),
      scalars({ ...this.#common(fence.epoch), turn, step, attempt, seq, version, contextTurns, producers }),
      JSON.stringify(started),
      JSON.stringify(started.agent),
      JSON.stringify(started.origin),
      JSON.stringify(started.inputs),
      replaces === undefined ? "" : JSON.stringify(replaces),
      ...Object.entries(started.applied).flat(),
    );
    const [outcome, index, stop, cold, parts, steps, turns] = listOf(reply);
    const isCold = cold !== 0;
    return {
      outcome: outcome === "ok" ? "ok" : "stale",
      parts: partsOfReply(textOf(parts)),
      index: numberOf(index),
      stop: stop === 1,
      steps: isCold ? undefined : stepsBefore(step, listOf(steps)),
      turns: isCold ? undefined : turnsBefore(turn, listOf(turns)),
    };
  }

  /**
   * Appends a growing frame. `seq`: the writer's own number for it, one above that of its last write, so that a client library's
   * resend of a write is known; a `rewind` may have any above it. Only the last part grows in the log: a delta elsewhere is a
   * `gap`, and the writer places the whole part instead.
   */
  async write(key: SessionKey, fence: Fence, seq: number, growth: Growth): Promise<Written> {
    const { epoch, turn, step, attempt } = fence;
    const common = { ...this.#common(epoch), type: growth.type, turn, step, attempt, seq };
    const reply = await this.#redis.holdfastWrite(...keysOf(key), ...growthArguments(common, growth));
    const [outcome, stop, index] = listOf(reply);
    return { outcome: outcomeOf(outcome), stop: stop === 1, index: numberOf(index) };
  }

  /** Appends what the workflow committed, or answers what the workflow had published under this version. Call it again until it answers. */
  async commit(
    key: SessionKey,
    commit: Commit,
  ): Promise<{ outcome: AppendOutcome } | { outcome: "shown"; shown: Shown }> {
    const { epoch, frame, state, turn, run, shrunk, keepTurns = LIMITS.snapshotTurns } = commit;
    const { body, parts } = partsApart(frame);
    const reply = await this.#redis.holdfastCommit(
      ...keysOf(key),
      scalars({
        ...this.#common(epoch),
        ...expectedHead(frame),
        type: frame.type,
        version: frame.version,
        run,
        keepTurns,
        shrunk: shrunk?.turn ?? 0,
        endedSeconds: LIMITS.logEndedSeconds,
        producers: 2 * LIMITS.producers,
      }),
      body,
      parts,
      JSON.stringify(state),
      contentOf(frame, turn),
      shrunk === undefined ? "" : JSON.stringify(shrunk),
      ...(frame.type === "inputs.joined" ? Object.entries(frame.applied).flat() : []),
    );
    const [outcome, ...shown] = listOf(reply);
    return outcome === "shown" ? { outcome, shown: shownOfReply(shown) } : { outcome: outcomeOf(outcome) };
  }

  /**
   * Sends a `notice` to the followers, in its place among the frames. `gap`: the log is not there, and no follower was told. `stale`:
   * the session has begun again. When the client library resends the command, the notice may come twice.
   */
  async notice(key: SessionKey, epoch: number, name: string, data?: Json): Promise<AppendOutcome> {
    const body = JSON.stringify({ type: "notice", name, data });
    return outcomeOf(await this.#redis.holdfastNotice(...keysOf(key), scalars(this.#common(epoch)), body));
  }

  /**
   * Replaces the cache by the workflow's own snapshot, unless the log is ahead of it (`older`: ask again). Parts the
   * log has of the same running step stay. Appends `resync` where readers may hold something else.
   */
  async putSnapshot(key: SessionKey, { epoch, snapshot }: SessionState): Promise<"stored" | "older"> {
    const reply = await this.#redis.holdfastRestore(
      ...keysOf(key),
      ...snapshotArguments(this.#common(epoch), snapshot),
    );
    return reply === "older" ? "older" : "stored";
  }

  /** Sets the turn's stop flag; the running attempt sees it in the answer to its next write. */
  async requestStop(key: SessionKey, { epoch, turn }: TurnRef): Promise<void> {
    await this.#redis.holdfastStop(...keysOf(key), scalars({ ...this.#common(epoch), turn }));
  }

  /** What readers hold of the step under way of this turn; undefined where the log cannot tell, or the turn has ended. */
  async held(key: SessionKey, { epoch, turn }: TurnRef): Promise<HeldStep | undefined> {
    const reply = listOf(await this.#redis.holdfastHeld(...keysOf(key), scalars({ epoch, turn })));
    const [step, attempt, index, parts] = reply;
    if (reply.length === 0) return undefined;
    return {
      step: numberOf(step),
      attempt: numberOf(attempt),
      index: numberOf(index),
      parts: partsOfReply(textOf(parts)),
    };
  }

  async head(key: SessionKey): Promise<Head> {
    const [id, epoch, version, cold, turn, index] = listOf(
      await this.#redis.holdfastPlace(...keysOf(key), scalars({})),
    );
    return {
      cursor: textOf(id),
      epoch: numberOf(epoch),
      version: numberOf(version),
      cold: cold !== 0,
      turn: numberOf(turn),
      index: numberOf(index),
    };
  }

  /**
   * Up to `limit` frames after `cursor`, oldest first, each the `prev` of the next; fewer when they make `bytes` before, so
   * that a page costs its reader the same whatever its frames are like. A cursor is known as the last frame's, or as the
   * `prev` of the first that is left. An entry that is no frame, or does not follow the one before it, makes the cursor
   * `unknown`, like one that was lost.
   */
  async readTexts(key: SessionKey, cursor: Cursor, limit: number, bytes = Number.MAX_SAFE_INTEGER): Promise<TextsRead> {
    if (cursor !== "0" && !ENTRY_ID.test(cursor)) return { outcome: "unknown" };
    const reply = await this.#redis.holdfastRead(...keysOf(key), scalars({ cursor, limit, bytes }));
    const [known, more, ...entries] = listOf(reply);
    if (known !== 1) return { outcome: "unknown" };
    const frames: FrameText[] = [];
    for (const entry of entries) {
      const frame = frameOfEntry(entry);
      if (frame === undefined || frame.prev !== (frames.at(-1)?.id ?? cursor)) return { outcome: "unknown" };
      frames.push(frame);
    }
    return { outcome: "frames", frames, more: more === 1 };
  }

  /** As `readTexts`, of whole frames. */
  async read(key: SessionKey, cursor: Cursor, limit: number, bytes = Number.MAX_SAFE_INTEGER): Promise<ReadResult> {
    const page = await this.readTexts(key, cursor, limit, bytes);
    if (page.outcome === "unknown") return page;
    const frames = page.frames.flatMap(({ json }) => readLogFrame(JSON.parse(json)) ?? []);
    return frames.length < page.frames.length ? { outcome: "unknown" } : { ...page, frames };
  }

  /** Rejects if the session's part of Redis takes no writes, though it may answer reads. */
  async assertWritable(key: SessionKey): Promise<void> {
    await this.#redis.holdfastProbe(...probeKeysOf(key), scalars({}));
  }

  /**
   * The cached snapshot, exact at its cursor: the frames after it lead on from it. Parsed and validated; one that is damaged
   * counts as cold. Rejects where Redis takes no writes: what it still has to read may be old.
   */
  async snapshot(key: SessionKey): Promise<SnapshotRead> {
    return snapshotOfReply(await this.#redis.holdfastSnapshot(...keysOf(key), scalars({})));
  }

  /** The same as JSON text, to be passed on: spliced from the log's own texts, parsed once and checked for its shape. */
  async snapshotText(key: SessionKey): Promise<SnapshotTextRead> {
    return snapshotTextOfReply(await this.#redis.holdfastSnapshot(...keysOf(key), scalars({})));
  }

  async verification(key: SessionKey): Promise<Verification> {
    return verificationOfReply(await this.#redis.holdfastVerification(...keysOf(key), scalars({})));
  }

  /**
   * Notes that the log holds all the workflow said. Read `replicationId` (by `verification` or `snapshot`) before asking the workflow.
   * Also for a session that has neither workflow nor log. False if the server has another replication id by now: frames may be
   * lost again.
   */
  async markVerified(key: SessionKey, replicationId: string): Promise<boolean> {
    const [ttl, emptyTtl] = [LIMITS.logTtlSeconds, EMPTY_VERIFICATION_SECONDS];
    const reply = await this.#redis.holdfastMarkVerified(...keysOf(key), scalars({ replicationId, ttl, emptyTtl }));
    return reply === 1;
  }

  /** The arguments `lua/log.lua` expects. `nonce`: 40 random bits, so that no frame's id was ever used before. */
  #common(epoch: number): { [name: string]: number } {
    const { logTtlSeconds, logFrames, logSilentSeconds } = LIMITS;
    return {
      epoch,
      nonce: randomInt(1, 2 ** 40),
      ttl: logTtlSeconds,
      frames: logFrames,
      bytes: this.#bytes,
      framesTtl: Math.min(logSilentSeconds, logTtlSeconds),
    };
  }
}

/** The arguments of `lua/write.lua`. */
function growthArguments(common: { [name: string]: string | number }, growth: Growth): string[] {
  switch (growth.type) {
    case "delta": {
      const { at, begins, text } = growth;
      // Readers take no such frame: it would stand in the log and could not be read.
      if (text === "") throw new RangeError("A delta carries at least one character: do not write empty text.");
      const opening = begins === undefined ? "" : openingOf(begins);
      return [scalars({ ...common, at, begins: begins ?? "" }), opening, escapeText(text)];
    }
    case "part": {
      const { closed, opening, text } = storedParts([growth.part]);
      return [scalars({ ...common, at: growth.at }), opening, text, ...closed];
    }
    case "rewind": {
      const { closed, opening, text } = storedParts(growth.parts);
      return [scalars(common), opening, text, ...closed];
    }
  }
}

/** The frame's JSON without the parts that its readers may hold, and those. */
function partsApart(frame: CommittedBody): { body: string; parts: string } {
  if (frame.type !== "step.ended" && frame.type !== "turn.ended") return { body: JSON.stringify(frame), parts: "" };
  const { parts, ...body } = frame;
  return { body: JSON.stringify(body), parts: parts === undefined ? "" : JSON.stringify(parts) };
}

/** What the log's head says if readers hold the parts that the frame leaves out; 0 for what the frame does not name. */
function expectedHead(frame: CommittedBody): { turn: number; step: number; attempt: number; index: number } {
  const none = { turn: 0, step: 0, attempt: 0, index: 0 };
  switch (frame.type) {
    case "step.ended":
    case "turn.ended": {
      const { turn, step = 0, attempt, index } = frame;
      return { turn, step, attempt, index };
    }
    case "turn.waiting":
    case "inputs.joined":
      return { ...none, turn: frame.turn };
    case "state.patched":
      return none;
  }
}

/** What of the frame the cache keeps, beside the state and the parts. */
function contentOf(frame: CommittedBody, turn: Commit["turn"]): string {
  switch (frame.type) {
    case "turn.ended":
      if (turn === undefined) throw new TypeError("The commit of a turn's end brings the turn.");
      return JSON.stringify(turn);
    case "turn.waiting":
      return JSON.stringify(frame.questions);
    case "inputs.joined":
      return JSON.stringify(frame.inputs);
    case "step.ended":
    case "state.patched":
      return "";
  }
}
