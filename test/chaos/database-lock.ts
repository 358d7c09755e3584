import { Child } from "../kit/child-process.ts";

const HOLDER = new URL("database-holder.ts", import.meta.url);

/**
 * Resolves when nobody else can write to this SQLite database any more; what it resolves to lets them again. SQLite has the
 * process wait for its turn, so it is one of its own. It lets go when this process ends, too.
 */
export async function lockDatabase(path: string): Promise<() => Promise<void>> {
  const holder = await Child.start(HOLDER, path, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  return () => holder.leave();
}
