import type { Child } from "./children.ts";

/** What one look at the session shows. `at`: milliseconds, `performance.now()`'s. */
export interface Sight {
  at: number;
  connected: boolean;
  version: number;
  /** The running turn, else the last one. */
  turn: number;
  running: boolean;
  /** Count of the turn's text frames. */
  index: number;
  text: string;
}

/** What became of the session after a process was killed, as this page saw it. Durations are milliseconds. */
export interface Recovery {
  child: string;
  /** Wall clock, for people. */
  when: Date;
  killedAt: number;
  midTurn: boolean;
  /** Until the first frame after the kill. It may have been under way already: the silence tells more. */
  nextFrameMs: number | undefined;
  /** Longest time without a frame while the turn ran. */
  silenceMs: number;
  reconnects: number;
  offlineMs: number;
  /** Characters that had been shown and were written anew. */
  takenBack: number;
  /** Until the supervisor had it running again. */
  backMs: number | undefined;
  /** The turn that ran has ended; only the process may still be missing. */
  turnOver: boolean;
  pid: number | null;
  lastFrameAt: number;
  last: Sight;
}

export function killed(child: Child, sight: Sight): Recovery {
  return {
    child: child.name,
    when: new Date(),
    killedAt: sight.at,
    midTurn: sight.running,
    nextFrameMs: undefined,
    silenceMs: 0,
    reconnects: 0,
    offlineMs: 0,
    takenBack: 0,
    backMs: undefined,
    turnOver: !sight.running,
    pid: child.pid,
    lastFrameAt: sight.at,
    last: sight,
  };
}

/** Nothing more is to come: what happens from now on has other causes. */
export function isSettled(recovery: Recovery): boolean {
  return recovery.turnOver && recovery.backMs !== undefined && recovery.last.connected;
}

/** Takes in a new look at the session. */
export function see(recovery: Recovery, sight: Sight): Recovery {
  if (isSettled(recovery)) return recovery;
  const { last } = recovery;
  const frame = sight.version !== last.version || sight.turn !== last.turn || sight.index !== last.index;
  const reconnected = sight.connected && !last.connected;
  const now: Recovery = {
    ...recovery,
    last: sight,
    reconnects: recovery.reconnects + (reconnected ? 1 : 0),
    offlineMs: recovery.offlineMs + (last.connected ? 0 : sight.at - last.at),
  };
  if (!frame) return now;
  now.lastFrameAt = sight.at;
  now.nextFrameMs ??= sight.at - recovery.killedAt;
  if (recovery.turnOver) return now;
  now.silenceMs = Math.max(recovery.silenceMs, sight.at - recovery.lastFrameAt);
  now.takenBack += takenBack(last, sight);
  now.turnOver = !sight.running || sight.turn !== last.turn;
  return now;
}

/** Takes in what the supervisor says: a killed process is back once another one runs in its place. */
export function seeChildren(recovery: Recovery, children: readonly Child[], at: number): Recovery {
  if (recovery.backMs !== undefined) return recovery;
  const child = children.find((candidate) => candidate.name === recovery.child);
  const back = child?.state === "ready" && child.pid !== recovery.pid;
  return back ? { ...recovery, backMs: at - recovery.killedAt } : recovery;
}

function takenBack(before: Sight, after: Sight): number {
  if (after.turn !== before.turn || after.text.startsWith(before.text)) return 0;
  let shared = 0;
  while (shared < after.text.length && before.text[shared] === after.text[shared]) shared++;
  return before.text.length - shared;
}
