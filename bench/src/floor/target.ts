import { LIMITS } from "@holdfast/contract";
import { Child } from "@holdfast/test/kit/child-process";
import { withUndo } from "@holdfast/test/kit/fixture";
import getPort from "get-port";
import type { LoadTarget } from "../load/session.ts";
import { wireTarget } from "../load/wire-target.ts";
import type { FloorOptions } from "./edge.ts";

/** Starts the floor's edge and gives it as a target; closing the target ends the edge. */
export function startFloor(
  redisUrl: string,
  { perSend, tokens, tokenDelay }: { perSend: number; tokens: number; tokenDelay: number },
): Promise<LoadTarget> {
  return withUndo(async (undo) => {
    const plan: FloorOptions = { port: await getPort(), redisUrl, tokens, tokenDelay };
    const edge = await Child.start(new URL("./edge.ts", import.meta.url), plan);
    undo(() => edge.kill());
    const target = wireTarget({
      name: "floor",
      urls: [`http://127.0.0.1:${plan.port}`],
      agent: "floor",
      perSend,
      sessionsPerConnection: LIMITS.sessionsPerConnection,
      processes: [{ name: "floor-edge", pid: edge.pid, oneThread: true }],
      token: async () => "floor",
    });
    undo(() => target.closeSessions());
    return target;
  });
}
