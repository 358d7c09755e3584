import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Arena, type ProcessExit } from "../chaos/arena.ts";
import { lastWords } from "../chaos/last-words.ts";
import { startScene } from "../conformance/stack.ts";
import { PostgresServer } from "./postgres-server.ts";
import type { Programs } from "./programs.ts";
import { TemporalCluster } from "./temporal-cluster.ts";

/** A whole Holdfast on the production Temporal, and that on a PostgreSQL. */
export interface ProductionArena extends Arena {
  readonly postgres: PostgresServer;
  readonly temporal: TemporalCluster;
  /** Where logs are while it is open. */
  readonly dir: string;
}

export async function openProductionArena(programs: Programs): Promise<ProductionArena> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const dir = await mkdtemp(join(tmpdir(), "holdfast-production-"));
    undo.push(() => rm(dir, { recursive: true, force: true }));
    const logs = join(dir, "logs");
    await mkdir(logs);
    const postgres = await PostgresServer.create(programs, join(logs, "postgres.log"));
    undo.push(() => postgres.remove());
    await postgres.start();
    const logFile = join(logs, "temporal.log");
    const temporal = await TemporalCluster.start(programs, { databasePort: postgres.port, dir, logFile });
    undo.push(() => temporal.stop());
    const exits: ProcessExit[] = [];
    const scene = await startScene({
      dir,
      persist: true,
      edges: 2,
      inference: 2,
      temporalAddress: temporal.address,
      onEvent: (event) => {
        if (event.type !== "ended") return;
        const { name, exit } = event;
        const said = exit.code === 0 || exit.signal !== null ? {} : { said: lastWords(join(logs, `${name}.log`)) };
        exits.push({ name, ...exit, at: performance.now(), ...said });
      },
    });
    undo.push(() => scene.stop());
    const { stack, model } = scene;
    return { stack, model, failover: undefined, exits: () => exits, postgres, temporal, dir, close };
  } catch (error) {
    await close();
    throw error;
  }
}
