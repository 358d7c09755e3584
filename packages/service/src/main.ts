import { ConfigError } from "./config.ts";
import type { Logger } from "./log.ts";

/** A running process: `stop` finishes what was begun and releases everything. */
export interface Running {
  log: Logger;
  stop(reason: string): Promise<void>;
}

/**
 * Runs one process: starts it, stops it once on SIGTERM or SIGINT, and exits 0; exits 2 when the configuration is wrong,
 * 1 on any other failure. A supervisor that died takes its children along: stdin closing counts as SIGTERM when
 * HOLDFAST_SUPERVISED is set.
 */
export async function main(start: () => Promise<Running>): Promise<void> {
  let running: Running | undefined;
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    // Before it runs a process has promised nothing to anyone: it may end at once.
    if (running === undefined) process.exit(0);
    const { log } = running;
    running.stop(reason).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  if (process.env["HOLDFAST_SUPERVISED"]) {
    process.stdin.resume();
    process.stdin.on("end", () => stop("supervisor gone"));
  }
  process.on("unhandledRejection", (error) => {
    if (running) running.log.fatal({ err: error }, "unhandled rejection");
    else console.error(error);
    process.exit(1);
  });
  try {
    running = await start();
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
}
