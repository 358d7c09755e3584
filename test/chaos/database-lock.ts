import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const HOLDER = fileURLToPath(new URL("database-holder.ts", import.meta.url));

/**
 * Resolves when nobody else can write to this SQLite database any more; what it resolves to lets them again. SQLite has the
 * process wait for its turn, so it is one of its own. It lets go when this process ends, too.
 */
export async function lockDatabase(path: string): Promise<() => Promise<void>> {
  const execArgv = ["--disable-warning=ExperimentalWarning"];
  const holder = fork(HOLDER, [path], { execArgv, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const gone = once(holder, "exit");
  const locked = once(holder, "message");
  const ended = gone.then(() =>
    Promise.reject(new Error("The process that was to lock Temporal's database has ended.")),
  );
  await Promise.race([locked, ended]);
  return async () => {
    if (holder.connected) holder.disconnect();
    await gone;
  };
}
