import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { lockDatabase } from "./database-lock.ts";

test.for(["delete", "wal"])(
  "with journal_mode=%s nobody writes to a locked database until it is let go",
  async (mode) => {
    const dir = await mkdtemp(join(tmpdir(), "holdfast-database-lock-"));
    const path = join(dir, "some.db");
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec(`PRAGMA journal_mode=${mode}`);
      database.exec("CREATE TABLE words (word TEXT)");
      const release = await lockDatabase(path);
      expect(() => database.exec("INSERT INTO words VALUES ('meanwhile')")).toThrow("locked");
      await release();
      database.exec("INSERT INTO words VALUES ('later')");
      expect(database.prepare("SELECT word FROM words").all()).toMatchObject([{ word: "later" }]);
    } finally {
      database.close();
      await rm(dir, { recursive: true, force: true });
    }
  },
);
