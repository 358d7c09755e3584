import type { Stack } from "@holdfast/stack/cluster";
import type { ModelServer } from "@holdfast/model-server";
import { Redis } from "ioredis";
import { setTimeout as sleep } from "node:timers/promises";
import type { Network } from "./network.ts";
import type { Strike } from "./schedule.ts";

/** What strikes can reach. */
export interface Battlefield {
  stack: Stack;
  model: ModelServer;
  /** One before each edge. */
  networks: readonly Network[];
}

/** How the model answers while nothing befalls it: slowly enough to be struck in mid-sentence. */
export const CALM = "tokens=30,slow=12ms";

const MODEL_FAULTS = { "model-cut": "cut@10", "model-429": "429x2,retry-after=1", "model-stall": "stall@10" } as const;

/** Does what the strike says and resolves when it is undone, as far as the striker undoes it (a supervisor mends kills). */
export async function strike({ stack, model, networks }: Battlefield, { fault, holdMs, pick }: Strike): Promise<void> {
  switch (fault) {
    case "model-cut":
    case "model-429":
    case "model-stall":
      model.setDefault(`${MODEL_FAULTS[fault]},${CALM}`);
      await sleep(holdMs);
      model.setDefault(CALM);
      return;
    case "network-cut":
      networks[Math.floor(pick * networks.length)]?.cut();
      return;
    case "network-freeze": {
      const network = networks[Math.floor(pick * networks.length)];
      network?.freeze();
      await sleep(holdMs);
      network?.thaw();
      return;
    }
    case "valkey-kill-flush": {
      const redis = new Redis(stack.redisUrl, { maxRetriesPerRequest: 0, retryStrategy: () => null });
      redis.on("error", () => undefined);
      // Struck while it is away or paused, it has nothing to lose.
      await redis.flushall().catch(() => undefined);
      redis.disconnect();
      return stack.kill("valkey");
    }
    default: {
      const [app = "", how] = fault.split("-");
      const names = stack
        .children()
        .map(({ name }) => name)
        .filter((name) => name === app || name.startsWith(`${app}-`));
      const name = names[Math.floor(pick * names.length)];
      if (name === undefined) throw new Error(`There is no ${app} to strike.`);
      if (how === "kill") return stack.kill(name, "SIGKILL");
      if (how === "drain") return stack.restart(name);
      await stack.pause(name);
      await sleep(holdMs);
      return stack.resume(name);
    }
  }
}
