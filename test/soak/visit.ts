import { setTimeout as sleep } from "node:timers/promises";
import type { Guest } from "./guest.ts";
import type { Lines } from "./tcp-lines.ts";
import type { Act, Departure, VisitPlan } from "./visit-plan.ts";

/** What only the one who invites a guest can do to it and for it. */
export interface Hospitality {
  lines: Lines;
  /** Something to say, each time other words. */
  words: () => string;
  /** Milliseconds into an answer, or before one, at which a connection is destroyed. */
  momentMs: () => number;
  /** False when guests are to leave as soon as they are done with what they do. */
  isOpen: () => boolean;
}

const FACTS = 3;

/** Makes one planned visit, from the connection to its end. Rejects when something takes longer than a guest's patience. */
export async function visit(plan: VisitPlan, guest: Guest, hospitality: Hospitality): Promise<void> {
  await guest.arrive();
  for (const act of plan.acts) {
    if (!hospitality.isOpen()) break;
    await perform(act.do, guest, hospitality);
    await sleep(act.thenMs);
  }
  await depart(plan.departure, guest, hospitality);
}

async function perform(act: Act["do"], guest: Guest, { lines, words, momentMs }: Hospitality): Promise<void> {
  switch (act) {
    case "say":
      guest.say(words());
      return guest.answered();
    case "observe":
      for (let facts = 0; facts < FACTS; facts++) guest.observe("looked");
      return;
    case "interrupt":
      guest.say(words());
      await guest.interrupt();
      return guest.answered();
    case "lose":
    case "forget":
      guest.say(words());
      await sleep(momentMs());
      lines.destroy();
      await guest.comeBack(act === "lose");
      return guest.answered();
  }
}

async function depart(departure: Departure, guest: Guest, { lines, words, momentMs }: Hospitality): Promise<void> {
  switch (departure) {
    case "polite":
      return guest.leave(true);
    case "abrupt":
      guest.say(words());
      await sleep(momentMs());
      lines.destroy();
      return guest.leave(false);
    case "silent":
      guest.say(words());
      lines.fallSilent();
      return guest.leave(false);
  }
}
