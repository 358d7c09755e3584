import { randomInt } from "node:crypto";
import { type Cursor, LIMITS, type SessionKey } from "@holdfast/contract";
import { type FrameText, readLogFrame, type SessionState } from "@holdfast/internal";
import type { Cluster, Redis } from "ioredis";
import { frameOfEntry } from "./entry.ts";
import { escapeText, unescapeText } from "./json-text.ts";
import { keysOf, probeKeysOf } from "./keys.ts";
import { entryOf, listOf, numberOf, outcomeOf, textOf } from "./replies.ts";
import { defineProbe, defineScripts } from "./scripts.ts";
import {
  verificationOfReply,
  shownOfReply,
  snapshotArguments,
  snapshotOfReply,
  snapshotTextOfReply,
  turnsBefore,
} from "./snapshot-cache.ts";
import type {
  AppendOutcome,
  Begun,
  Commit,
  Fence,
  Head,
  Verification,
  ReadResult,
  Shown,
  SnapshotRead,
  SnapshotTextRead,
  TextAppended,
  TextsRead,
  TurnRef,
  TurnStartedBody,
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
    defineProbe(redis);
  }

  /**
   * An attempt takes the fence: lower ones are `stale` from now on. Appends `turn.started` unless the log has its version,
   * and makes a lost log anew. A step above the running one keeps the text so far as that of earlier steps.
   */
  async begin(key: SessionKey, fence: Fence, started: TurnStartedBody, contextTurns: number): Promise<Begun> {
    const reply = await this.#redis.holdfastBegin(
      ...this.#common(key, fence.epoch),
      fence.turn,
      fence.step,
      fence.attempt,
      started.version,
      started.agent,
      JSON.stringify(started.inputs),
      2 * LIMITS.producers,
      contextTurns,
      JSON.stringify(started),
      ...Object.entries(started.applied).flat(),
    );
    const [outcome, text, baseLength, index, stop, cold, ...turns] = listOf(reply);
    return {
      outcome: outcome === "ok" ? "ok" : "stale",
      text: unescapeText(textOf(text)),
      baseLength: numberOf(baseLength),
      index: numberOf(index),
      stop: stop === 1,
      turns: cold === 0 ? turnsBefore(fence.turn, turns) : undefined,
    };
  }

  /** Appends a `delta` (frame-4): `text`, not empty, with the turn's next `index`. */
  async appendText(key: SessionKey, fence: Fence, index: number, text: string): Promise<TextAppended> {
    // No reader takes such a frame: it would stand in the log as one that cannot be read.
    if (text === "") throw new RangeError("A delta carries at least one character: do not append empty text.");
    return this.#text(key, "delta", fence, index, text, -1);
  }

  /**
   * Appends a `rewind` (frame-5): `text` is the turn's whole partial text from now on. Taken at any `index` above the last,
   * by a log that lost the turn too. `baseLength`: how much of `text` earlier steps wrote, in UTF-16 code units; left out,
   * what the log remembers of it, which is 0 after a loss.
   */
  async rewind(key: SessionKey, fence: Fence, index: number, text: string, baseLength?: number): Promise<TextAppended> {
    return this.#text(key, "rewind", fence, index, text, baseLength ?? -1);
  }

  /** Appends what the workflow committed, or tells what it had published instead. Call it again until it answers. */
  async commit(key: SessionKey, commit: Commit): Promise<AppendOutcome | Shown> {
    const { epoch, frame, state, turn, keepTurns, run } = commit;
    const reply = await this.#redis.holdfastCommit(
      ...this.#common(key, epoch),
      frame.version,
      turn?.turn ?? 0,
      JSON.stringify(state),
      turn === undefined ? "" : JSON.stringify(turn),
      keepTurns ?? LIMITS.snapshotTurns,
      JSON.stringify(frame),
      run,
      LIMITS.logEndedSeconds,
    );
    const [outcome, ...shown] = listOf(reply);
    return outcome === "shown" ? shownOfReply(shown) : outcomeOf(outcome);
  }

  /**
   * Replaces the cache by the workflow's own snapshot, unless the log is ahead of it (`older`: ask again). Partial text the
   * log has of the same running turn stays. Appends `resync` where readers may hold something else.
   */
  async putSnapshot(key: SessionKey, { epoch, snapshot }: SessionState): Promise<"stored" | "older"> {
    const reply = await this.#redis.holdfastRestore(...this.#common(key, epoch), ...snapshotArguments(snapshot));
    return reply === "older" ? "older" : "stored";
  }

  /** Sets the turn's stop flag; the running attempt sees it in the answer to its next append. */
  async requestStop(key: SessionKey, { epoch, turn }: TurnRef): Promise<void> {
    await this.#redis.holdfastStop(...this.#common(key, epoch), turn);
  }

  async head(key: SessionKey): Promise<Head> {
    const [id, epoch, version, cold, turn, index] = listOf(await this.#redis.holdfastHead(...keysOf(key)));
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
    const [known, more, ...entries] = listOf(await this.#redis.holdfastRead(...keysOf(key), cursor, limit, bytes));
    if (known !== 1) return { outcome: "unknown" };
    const frames: FrameText[] = [];
    for (const reply of entries) {
      const entry = entryOf(reply);
      const frame = frameOfEntry(entry.id, entry.fields);
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

  /** Rejects where the session's part of Redis takes no writes, though it may answer to reads. */
  async assertWritable(key: SessionKey): Promise<void> {
    await this.#redis.holdfastProbe(...probeKeysOf(key), "");
  }

  /**
   * The cached snapshot, exact at its cursor: the frames after it lead on from it. Rejects where Redis takes no writes: what it
   * still has to read may be old.
   */
  async snapshot(key: SessionKey): Promise<SnapshotRead> {
    return snapshotOfReply(await this.#redis.holdfastSnapshot(...keysOf(key)));
  }

  /** As `snapshot`, to be passed on. */
  async snapshotText(key: SessionKey): Promise<SnapshotTextRead> {
    return snapshotTextOfReply(await this.#redis.holdfastSnapshot(...keysOf(key)));
  }

  async verification(key: SessionKey): Promise<Verification> {
    return verificationOfReply(await this.#redis.holdfastVerification(...keysOf(key)));
  }

  /**
   * Notes that the log holds all that the workflow said when it was asked, after `replicationId` was read by `verification` or `snapshot`.
   * Also of a session that has no workflow, and no log. False when the replicationId is over: what was verified may be lost again.
   */
  async markVerified(key: SessionKey, replicationId: string): Promise<boolean> {
    const reply = await this.#redis.holdfastMarkVerified(
      ...keysOf(key),
      replicationId,
      LIMITS.logTtlSeconds,
      EMPTY_VERIFICATION_SECONDS,
    );
    return reply === 1;
  }

  async #text(
    key: SessionKey,
    type: "delta" | "rewind",
    fence: Fence,
    index: number,
    text: string,
    baseLength: number,
  ): Promise<TextAppended> {
    const { epoch, turn, step, attempt } = fence;
    const reply = await this.#redis.holdfastText(
      ...this.#common(key, epoch),
      type,
      turn,
      step,
      attempt,
      index,
      escapeText(text),
      text.length,
      baseLength,
      JSON.stringify({ type, turn, step, attempt, index, text }),
    );
    const [outcome, stop, lastIndex] = listOf(reply);
    return { outcome: outcomeOf(outcome), stop: stop === 1, index: numberOf(lastIndex) };
  }

  /** Keys and arguments `lua/log.lua` expects. Ids need a number nobody can have used: 40 random bits. */
  #common(key: SessionKey, epoch: number): (string | number)[] {
    const { logTtlSeconds, logFrames, logSilentSeconds } = LIMITS;
    const logTtl = Math.min(logSilentSeconds, logTtlSeconds);
    return [...keysOf(key), randomInt(1, 2 ** 40), logTtlSeconds, logFrames, this.#bytes, logTtl, epoch];
  }
}
