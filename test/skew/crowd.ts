import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import type { Participant, ParticipantPlan } from "../chaos/participant.ts";
import { RawParticipant } from "../chaos/raw-participant.ts";
import type { Release } from "./phases.ts";
import { ProcessParticipant } from "./process-participant.ts";

/** Inputs each says in a phase. A transcript keeps 200 turns, and can be checked no longer than that. */
const INPUTS_A_PHASE = 5;

/**
 * Two sessions, each with a client of either release at an edge of its own, the other way round in the second, and a raw one
 * that goes from edge to edge: every release of a client at every edge, and each session read through both.
 */
export async function enlist(
  stack: Stack,
  trees: Record<Release, string>,
  clock: () => number,
): Promise<Participant[]> {
  const [one = "", two = ""] = stack.edgeUrls;
  const sessions = [
    { name: "first", old: one, new: two },
    { name: "second", old: two, new: one },
  ];
  const crowd: Participant[] = [];
  for (const edges of sessions) {
    const subject = `user-${edges.name}`;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const plan = (client: string, at: readonly string[]): ParticipantPlan => ({
      name: `${client}-${edges.name}`,
      key,
      edges: at,
      token: () => stack.token({ subject }),
      clock,
    });
    crowd.push(await ProcessParticipant.start(plan("old", [edges.old]), trees.old));
    crowd.push(await ProcessParticipant.start(plan("new", [edges.new]), trees.new));
    crowd.push(new RawParticipant(plan("raw", [edges.old, edges.new])));
  }
  return crowd;
}

/** Everybody says a few things, faster than they are answered, so that inputs wait in the session's queue. */
export async function talk(crowd: readonly Participant[], phase: string): Promise<void> {
  await Promise.all(
    crowd.map(async (participant) => {
      for (let said = 1; said <= INPUTS_A_PHASE; said++) {
        participant.say(`${participant.name}, ${phase}: ${said}`);
        if (said % 2 === 0) participant.observe("looks");
        await sleep(200 + Math.random() * 600);
      }
    }),
  );
}

/** A turn somebody was given a piece of a moment ago. */
export interface Streaming {
  key: SessionKey;
  turn: number;
}

/** Resolves while an answer is being streamed to somebody; gives cause for one where there is none. */
export async function midStream(crowd: readonly Participant[], clock: () => number, phase: string): Promise<Streaming> {
  for (let waited = 0; ; waited++) {
    for (const participant of crowd) {
      const last = participant.record().frames.at(-1);
      if (last?.frame.type === "delta" && clock() - last.at < 100)
        return { key: participant.key, turn: last.frame.turn };
    }
    if (waited % 100 === 50) crowd[0]?.say(`${phase}: say more (${waited})`);
    await sleep(20);
  }
}
