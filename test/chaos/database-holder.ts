import { DatabaseSync } from "node:sqlite";

/** Milliseconds it waits for its turn: the server may be writing. */
const TURN_MS = 30_000;

// What is locked so lets nobody write; where the database keeps no write-ahead log, nobody read either.
const database = new DatabaseSync(process.argv[2] ?? "", { timeout: TURN_MS });
database.exec("BEGIN EXCLUSIVE");
process.once("disconnect", () => {
  database.exec("ROLLBACK");
  database.close();
});
process.send?.("locked");
