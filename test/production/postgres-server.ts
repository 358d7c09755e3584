import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GuardedProcess, startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { signalProcess } from "@holdfast/stack/process-table";
import { execa } from "execa";
import type { Undo } from "../kit/fixture.ts";
import { until } from "../kit/wait.ts";
import type { Programs } from "./programs.ts";

/** The superuser, and the only one there is. */
export const POSTGRES_USER = "temporal";

/** Milliseconds within which a server that was stopped or killed must be able to start. */
const START_MS = 60_000;
const PAUSE_MS = 200;

/**
 * How it is stopped. `fast`: clients are thrown out and everything is written. `immediate`: as if it had crashed, so that it
 * has to recover. `kill`: SIGKILL of the main process, of which its backends have to find out.
 */
const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT", kill: "SIGKILL" } as const;

/** A PostgreSQL with a database of its own in a temporary folder, and settings as it ships. Nobody restarts it but us. */
export class PostgresServer {
  readonly port: number;
  readonly #programs: Programs;
  readonly #dir: string;
  readonly #logFile: string;
  #process: GuardedProcess | undefined;

  private constructor(programs: Programs, dir: string, port: number, logFile: string) {
    this.#programs = programs;
    this.#dir = dir;
    this.port = port;
    this.#logFile = logFile;
  }

  /** Makes the database and starts it. */
  static async start(programs: Programs, logFile: string, undo: Undo): Promise<PostgresServer> {
    const { user } = programs;
    // Directly below the folder for temporary files: another user has to be able to reach it.
    const dir = await mkdtemp(join(tmpdir(), "holdfast-postgres-"));
    const server = new PostgresServer(programs, dir, await freePort(), logFile);
    undo(() => server.#remove());
    if (user !== undefined) await chown(dir, user.uid, user.gid);
    const args = ["-D", join(dir, "data"), "-U", POSTGRES_USER, "--auth=trust", "--encoding=UTF8", "--no-locale"];
    await execa(join(programs.postgres, "initdb"), args, { cwd: dir, ...user });
    await server.start();
    return server;
  }

  /**
   * Resolves when it takes connections. Backends of a server that was killed live on for a moment, and while one does no new
   * server starts on their data: it is tried again.
   */
  async start(): Promise<void> {
    const { postgres, user } = this.#programs;
    const where = ["listen_addresses=127.0.0.1", `port=${this.port}`, "unix_socket_directories="];
    const args = ["-D", join(this.#dir, "data"), ...where.flatMap((setting) => ["-c", setting])];
    const ping = ["-h", "127.0.0.1", "-p", `${this.port}`, "-t", "2"];
    const launch = async (): Promise<boolean> => {
      const options = { logFile: this.#logFile, cwd: this.#dir, user };
      const launched = await startGuarded(join(postgres, "postgres"), args, options);
      await untilReady(launched, "PostgreSQL", async () => {
        const { exitCode } = await execa(join(postgres, "pg_isready"), ping, { reject: false });
        return exitCode === 0;
      });
      this.#process = launched;
      return true;
    };
    await until("PostgreSQL starts", launch, START_MS, PAUSE_MS);
  }

  /** Resolves when the main process has ended. */
  async stop(manner: keyof typeof SIGNALS): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    running?.kill(SIGNALS[manner]);
    await running?.exited;
  }

  /** Every process of it stops where it is: connections stay open and nothing is answered. */
  async pause(): Promise<void> {
    const { pid } = this.#running();
    // The main process first, so that no backend is added meanwhile.
    signalProcess(pid, "SIGSTOP");
    for (const backend of await childrenOf(pid)) signalProcess(backend, "SIGSTOP");
  }

  async resume(): Promise<void> {
    const { pid } = this.#running();
    for (const each of [...(await childrenOf(pid)), pid]) signalProcess(each, "SIGCONT");
  }

  /** Ends it, however it is, and removes its data. */
  async #remove(): Promise<void> {
    if (this.#process !== undefined) await this.resume();
    await this.stop("immediate");
    // The last backends may still be writing.
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #running(): GuardedProcess {
    if (this.#process === undefined) throw new Error("PostgreSQL does not run.");
    return this.#process;
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await execa("ps", ["-A", "-o", "pid=,ppid="]);
  const processes = stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return processes.flatMap(([child, parent]) => (child !== undefined && parent === pid ? [child] : []));
}
