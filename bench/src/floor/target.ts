import { Child } from "@holdfast/test/kit/child-process";
import { LIMITS } from "@holdfast/contract";
import getPort from "get-port";
import type { LoadTarget } from "../load/trial.ts";
import { WireTarget } from "../load/wire-target.ts";
import type { Answer } from "./main.ts";

/** Starts the floor's edge and gives it as a target; closing the target ends the edge. */
export async function startFloor(redisUrl: string, answer: Answer, perSend: number): Promise<LoadTarget> {
  const port = await getPort();
  const edge = await Child.start(new URL("./main.ts", import.meta.url), { port, redisUrl, answer });
  const wire = new WireTarget({
    name: "floor",
    urls: [`http://127.0.0.1:${port}`],
    agent: "floor",
    perSend,
    sessionsPerConnection: LIMITS.sessionsPerConnection,
    processes: [{ name: "floor-edge", pid: edge.pid, oneThread: true }],
    token: async () => "floor",
  });
  return {
    name: wire.name,
    processes: wire.processes,
    open: (count, progressOf) => wire.open(count, progressOf),
    closeSessions: () => wire.closeSessions(),
    close: async () => {
      await wire.close();
      await edge.kill();
    },
  };
}
