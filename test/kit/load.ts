import { setTimeout as sleep } from "node:timers/promises";
import { type Participant, Talker } from "./participant.ts";

export interface TalkOptions {
  /** Milliseconds before it speaks again: at least, and at random on top. */
  pauseMs: { least: number; spread: number };
  /** Of all it says, the share beside which it shows what it does, and after which it cuts the agent short. */
  observes: number;
  interrupts?: number;
  onInterrupt?: (participant: Participant) => void;
  random: () => number;
  /** Asked before each time; `said`: how often it spoke. */
  isOver: (said: number) => boolean;
  /** Begins everything it says: its name, if left out. */
  words?: string;
  /** Ends a pause that is under way. */
  signal?: AbortSignal;
}

/** One client says one thing after the other. When, and what, depends on `random` alone. */
export async function talk(participant: Participant, options: TalkOptions): Promise<void> {
  const { pauseMs, observes, interrupts = 0, onInterrupt, random, isOver, signal } = options;
  const words = options.words ?? `${participant.name} says`;
  for (let said = 0; !isOver(said) && signal?.aborted !== true; said++) {
    participant.say(`${words} ${said + 1}`);
    if (random() < observes) participant.observe("looks");
    await sleep(pauseMs.least + random() * pauseMs.spread, undefined, signal && { signal }).catch(() => undefined);
    if (interrupts > 0 && participant instanceof Talker && random() < interrupts) {
      onInterrupt?.(participant);
      participant.interrupt().catch(() => undefined);
    }
  }
}
