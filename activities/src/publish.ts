import { setTimeout as delay } from "node:timers/promises";
import type { SessionKey, TurnStartedBody } from "@holdfast/contract";
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
  publish(key: SessionKey, commit: Commit, started?: TurnStartedBody): Promise<PublishOutcome | Shown>;
  /** SPEC command-2: makes the turn's running attempt see at its next append that it is to stop. */
  requestStop(key: SessionKey, turn: TurnRef): Promise<PublishOutcome>;
  /** Text of a turn as readers hold it, under way or ended; null where the log cannot say. */
  heldText(key: SessionKey, turn: TurnRef): Promise<string | null>;
}

/** One use of the session log, for metrics and logs. `error`: the last cause where it was unreachable. */
export interface LogAccess {
  operation: keyof PublishActivities;
  outcome: PublishOutcome;
  /** With all tries. */
  seconds: number;
  error?: unknown;
}

export interface PublishDependencies {
  log: SessionLog;
  onAccess?: (access: LogAccess) => void;
}

const TRIES = 3;
/** Milliseconds after which no further try begins; one try may take as long as Redis's command timeout. */
const PATIENCE_MS = 1_000;
/** Milliseconds, before jitter. */
const FIRST_PAUSE_MS = 50;

export function createPublish({ log, onAccess }: PublishDependencies): PublishActivities {
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
        if (started !== undefined) await log.begin(key, firstFence(commit, started), started, 0);
        const committed = await log.commit(key, commit);
        // A gap is written all the same and sends readers to a snapshot: nothing is left to do here.
        return typeof committed === "string" ? ("published" as const) : committed;
      });
    },

    async requestStop(key, turn) {
      return attempt("requestStop", async () => {
        await log.requestStop(key, turn);
        return "published" as const;
      });
    },

    async heldText(key, { epoch, turn }) {
      const read = await attempt("heldText", () => log.snapshot(key));
      if (read === "unreachable" || read.outcome === "cold" || read.epoch !== epoch) return null;
      const { running, turns } = read.snapshot;
      if (running?.turn === turn) return running.text;
      // The workflow task that asks was executed before, and had published the turn's end.
      return turns.find((ended) => ended.turn === turn)?.text ?? null;
    },
  };
}

function firstFence({ epoch }: Commit, { turn }: TurnStartedBody): Fence {
  return { epoch, turn, step: 1, attempt: 1 };
}
