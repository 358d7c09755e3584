import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelServer } from "@holdfast/model-server";
import type { Stack } from "@holdfast/stack/stack";
import { startScene } from "../conformance/stack.ts";
import { OutageServers } from "./outage-servers.ts";
import { temporalAt, type TemporalClient } from "../conformance/temporal.ts";

/** How the model answers: slowly enough for an outage to strike in mid-sentence. */
export const SCRIPT = "tokens=20,slow=10ms";

/** A whole Holdfast on servers that can be taken away from it. */
export interface OutageArena {
  readonly servers: OutageServers;
  readonly stack: Stack;
  readonly model: ModelServer;
  readonly temporal: TemporalClient;
  close(): Promise<void>;
}

export async function openOutageArena(): Promise<OutageArena> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const dir = await mkdtemp(join(tmpdir(), "holdfast-outage-"));
    undo.push(() => rm(dir, { recursive: true, force: true }));
    const servers = await OutageServers.start(dir);
    undo.push(() => servers.stop());
    const { redisUrl, temporalAddress } = servers;
    const scene = await startScene({ dir: join(dir, "stack"), redisUrl, temporalAddress });
    undo.push(() => scene.stop());
    scene.model.setDefault(SCRIPT);
    const temporal = temporalAt(temporalAddress, "caller");
    undo.push(() => temporal.connection.close());
    return { servers, stack: scene.stack, model: scene.model, temporal, close };
  } catch (error) {
    await close();
    throw error;
  }
}
