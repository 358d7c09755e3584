import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import type { Cables } from "./cables.ts";
import type { ParticipantPlan, Talker } from "./participant.ts";
import { RawParticipant } from "./raw-participant.ts";
import { randomFrom } from "./schedule.ts";
import { SdkParticipant } from "./sdk-participant.ts";

export interface CrowdPlan {
  seed: number;
  clients: number;
  /** Begins the names of its sessions; those of two crowds must differ. */
  run: string;
  durationMs: number;
  /** How many times longer than usual they wait before they speak again. */
  slowness?: number;
  /** Milliseconds since the run began. */
  clock: () => number;
  /** Somebody is about to cut the agent short. */
  onInterrupt: (session: SessionKey) => void;
  /** While it is so they talk on, however long: a strike that comes late has to find somebody talking. */
  isUnderFire: () => boolean;
}

/** Every session has two clients, like two tabs; one client in three knows nothing but SPEC.md. */
export function enlist(plan: CrowdPlan, stack: Stack, cables: Cables): Talker[] {
  return Array.from({ length: plan.clients }, (_, index) => {
    const subject = `${plan.run}-user-${Math.floor(index / 2) + 1}`;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const edges = cables.ofClient(index).map(({ url }) => url);
    const rotated = [...edges.slice(index % edges.length), ...edges.slice(0, index % edges.length)];
    const participant: ParticipantPlan = {
      name: `${plan.run}-client-${index + 1}`,
      key,
      edges: rotated,
      token: () => stack.token({ subject }),
      clock: plan.clock,
      random: randomFrom(plan.seed * 1_000 + 500 + index),
    };
    return index % 3 === 2 ? new RawParticipant(participant) : new SdkParticipant(participant);
  });
}

/**
 * Each says something every 0.4–1.6 s, and now and then only shows what it does, or cuts the agent short. When, depends on
 * the seed alone.
 */
export async function talk(participants: readonly Talker[], plan: CrowdPlan): Promise<void> {
  const { slowness = 1 } = plan;
  await Promise.all(
    participants.map(async (participant, index) => {
      const random = randomFrom(plan.seed * 1_000 + index);
      for (let said = 1; plan.clock() < plan.durationMs || plan.isUnderFire(); said++) {
        participant.say(`${participant.name} says ${said}`);
        if (random() < 0.3) participant.observe("looks");
        await sleep((400 + random() * 1_200) * slowness);
        if (random() < 0.1) {
          plan.onInterrupt(participant.key);
          participant.interrupt();
        }
      }
    }),
  );
}
