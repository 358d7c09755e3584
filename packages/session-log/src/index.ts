export { LogFollower } from "./log-follower.ts";
export { LogReach } from "./log-reach.ts";
export { SessionLog } from "./session-log.ts";
export { heartbeat } from "./subscribers.ts";
export type {
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
  TurnRef,
  Verification,
  Written,
} from "./types.ts";
