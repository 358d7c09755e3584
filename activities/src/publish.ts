import { setTimeout as delay } from "node:timers/promises";
import type { BodyOf, SessionKey } from "@holdfast/contract";
import type { HeldStep } from "@holdfast/internal";
import type { Commit, Fence, SessionLog, Shown, TurnRef } from "@holdfast/session-log";

export type { Commit, Shown, TurnRef };

/**
 * `published`: the log has it, or had it before. `unreachable`: Redis did not take it in the time a workflow task can
 * spare; the log needs repair.
 */
export type PublishOutcome = "published" | "unreachable";

/** Local activities of the session workflow: short, safe to repeat, never an error for Redis being away. */
export interface PublishActivities {
  /**
   * Writes a commit to the session log. `started`: the turn's start, written first where the log does not have it,
   * because no attempt of a step may ever have begun. Answers what readers were given instead where this workflow task was
   * executed before and had published other content: adopt it.
   */
  publish(key: SessionKey, commit: Commit, started?: BodyOf<"turn.started">): Promise<PublishOutcome | Shown>;
  /** SPEC command-2: makes the turn's running attempt see at its next write that it is to stop. */
  requestStop(key: SessionKey, turn: TurnRef): Promise<PublishOutcome>;
  /**
   * What readers hold of the step under way of a turn, or of the last one if the turn has ended: compare `step`. Undefined where
   * the log cannot say.
   */
  heldStep(key: SessionKey, turn: TurnRef): Promise<HeldStep | undefined>;
}

/** One use of the session log, for metrics and logs. `error`: the last cause where it was unreachable. */
export interface LogAccess {
  operation: keyof PublishActivities;
  outcome: PublishOutcome;
  /** With all tries. */
  seconds: number;
  error?: unknown;
}

export interface PublishDeps {
  log: SessionLog;
  onAccess?: (access: LogAccess) => void;
}

const TRIES = 3;
/** Milliseconds after which no further try begins; one try may take as long as Redis's command timeout. */
const PATIENCE_MS = 1_000;
/** Milliseconds, before jitter. */
const FIRST_PAUSE_MS = 50;

export function createPublish({ log, onAccess }: PublishDeps): PublishActivities {
  async function attempt<T>(operation: keyof PublishActivities, run: () => Promise<T>): Promise<T | "unreachable"> {
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1_000;
    for (let tried = 1; ; tried++) {
      try {
        const result = await run();
        onAccess?.({ operation, outcome: "published", seconds: seconds() });
        return result;
      } catch (error) {
        const pause = FIRST_PAUSE_MS * 2 ** (tried - 1) * (0.5 + Math.random());
        if (tried === TRIES || performance.now() + pause > began + PATIENCE_MS) {
          onAccess?.({ operation, outcome: "unreachable", seconds: seconds(), error });
          return "unreachable";
        }
        await delay(pause);
      }
    }
  }

  return {
    async publish(key, commit, started) {
      return attempt("publish", async () => {
        if (started !== undefined) {
          await log.begin(key, firstFence(commit, started), started, { contextTurns: 0, seq: 0 });
        }
        const committed = await log.commit(key, commit);
        // A gap is written all the same and sends readers to a snapshot: nothing is left to do here.
        return committed.outcome === "shown" ? committed.shown : ("published" as const);
      });
    },

    async requestStop(key, turn) {
      return attempt("requestStop", async () => {
        await log.requestStop(key, turn);
        return "published" as const;
      });
    },

    async heldStep(key, turn) {
      const held = await attempt("heldStep", () => readHeldStep(log, key, turn));
      return held === "unreachable" ? undefined : held;
    },
  };
}

/** What readers hold of the step under way of a turn. Of a turn that has ended, its last step. */
export async function readHeldStep(
  log: Pick<SessionLog, "assertWritable" | "held" | "snapshot">,
  key: SessionKey,
  turn: TurnRef,
): Promise<HeldStep | undefined> {
  // What a Redis holds that takes no writes may be old.
  await log.assertWritable(key);
  const held = await log.held(key, turn);
  if (held !== undefined) return held;
  // The workflow task that asks may have been executed before, and may have published the turn's end then: readers still hold
  // what they held.
  const read = await log.snapshot(key);
  if (read.outcome === "cold" || read.epoch !== turn.epoch) return undefined;
  const last = read.snapshot.turns.find((ended) => ended.turn === turn.turn)?.steps.at(-1);
  // A committed turn does not tell the index. At 0 nobody holds parts, so a commit that names it brings them along.
  return last && { ...last, index: 0 };
}

function firstFence({ epoch }: Commit, { turn }: BodyOf<"turn.started">): Fence {
  return { epoch, turn, step: 1, attempt: 1 };
}
