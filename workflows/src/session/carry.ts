import type { JsonObject } from "@holdfast/contract/json";
import type { Input, Turn } from "@holdfast/contract/snapshot";
import type { DeadLetters, Legacy } from "@holdfast/internal/temporal";
import type { RememberedAnswer } from "./commands.ts";
import type { ProducerMark } from "./producers.ts";

/**
 * What a session takes along when it continues as a new run, always at a turn boundary: plain JSON (a Map would arrive
 * as `{}`), and less than Temporal's limit for one payload.
 */
export interface Carry {
  readonly format: 1;
  readonly epoch: number;
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
  readonly deadLetters: DeadLetters;
  /** The session log missed a frame and has not been repaired. */
  readonly unrepaired: boolean;
}

/** Encoded size a carry, or a Query's answer, must stay below: Temporal's limit for one payload is 2 MiB. */
export const CARRY_BYTES = 1_900_000;

/** What a session goes on with that begins under the name of one which an operator ended: a life of its own, with all the other knew. */
export function inherited({ carry, cut }: Legacy, epoch: number): Carry | undefined {
  if (!isCarry(carry)) return undefined;
  const last = carry.turns.at(-1);
  const turns =
    cut !== undefined && last?.turn === cut.turn
      ? [...carry.turns.slice(0, -1), { ...last, text: cut.held }]
      : carry.turns;
  // The log is still the other's, or nobody's.
  return { ...carry, turns, epoch, unrepaired: true };
}

/** Only this code writes one, and tells by `format` which it is. */
function isCarry(value: unknown): value is Carry {
  return typeof value === "object" && value !== null && "format" in value && value.format === 1;
}
