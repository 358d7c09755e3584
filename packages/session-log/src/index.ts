export { heartbeat } from "./heartbeat.ts";
export { LogFollower } from "./log-follower.ts";
export { LogReach } from "./log-reach.ts";
export { SessionLog } from "./session-log.ts";
export type {
  AppendOutcome,
  Begun,
  Commit,
  Fence,
  Head,
  Verification,
  ReadResult,
  Shown,
  SnapshotRead,
  TextAppended,
  TurnRef,
} from "./types.ts";
