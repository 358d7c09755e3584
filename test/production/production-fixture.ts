import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Fixture, startFixture, temporaryFolder, withUndo } from "../kit/fixture.ts";
import { PostgresServer } from "./postgres-server.ts";
import type { Programs } from "./programs.ts";
import { TemporalCluster } from "./temporal-cluster.ts";

/** A whole Holdfast on the production Temporal, and that on a PostgreSQL. */
export interface ProductionFixture extends Fixture {
  readonly postgres: PostgresServer;
  readonly temporal: TemporalCluster;
  /** Where logs are while it is open. */
  readonly logs: string;
}

export function openProductionFixture(programs: Programs): Promise<ProductionFixture> {
  return withUndo(async (undo) => {
    const dir = await temporaryFolder(undo, "production");
    const logs = join(dir, "logs");
    await mkdir(logs);
    const postgres = await PostgresServer.create(programs, join(logs, "postgres.log"));
    undo(() => postgres.remove());
    await postgres.start();
    const logFile = join(logs, "temporal.log");
    const temporal = await TemporalCluster.start(programs, { databasePort: postgres.port, dir, logFile });
    undo(() => temporal.stop());
    const stack = { dir, persist: true, edges: 2, inference: 2, temporalAddress: temporal.address };
    const fixture = await startFixture(stack);
    undo(() => fixture.close());
    return { ...fixture, postgres, temporal, logs };
  });
}
