import type { JsonObject } from "@holdfast/contract/json";
import type { Input, Turn } from "@holdfast/contract/snapshot";
import type { RememberedAnswer } from "./commands.ts";
import type { ProducerMark } from "./producers.ts";

/**
 * What a session takes along when it continues as a new run, always at a turn boundary: plain JSON (a Map would arrive
 * as `{}`), and less than Temporal's limit for one payload.
 */
export interface Carry {
  readonly format: 1;
  /** Left out by releases that knew of none; then the session counts as begun with the run that finds it missing. */
  readonly incarnation?: number;
  readonly version: number;
  /** The agent's state as of `version`. */
  readonly committed: JsonObject;
  /** With what was observed since; left out when that is nothing. */
  readonly state?: JsonObject;
  readonly turns: readonly Turn[];
  readonly lastTurn: number;
  readonly inbox: readonly Input[];
  readonly producers: readonly ProducerMark[];
  readonly commands: readonly RememberedAnswer[];
  /** The session log missed a frame and has not been repaired. */
  readonly unhealed: boolean;
}

/** Encoded size a carry, or a Query's answer, must stay below: Temporal's limit for one payload is 2 MiB. */
export const CARRY_BYTES = 1_900_000;
