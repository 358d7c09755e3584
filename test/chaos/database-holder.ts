import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { begun, planOf } from "../kit/child-process.ts";

/** Milliseconds it waits for its turn: the server may be writing. */
const TURN_MS = 30_000;

// What is locked so lets nobody write; where the database keeps no write-ahead log, nobody read either.
const database = new DatabaseSync(planOf(z.string()), { timeout: TURN_MS });
database.exec("BEGIN EXCLUSIVE");
begun(() => {
  database.exec("ROLLBACK");
  database.close();
});
