import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { flags } from "./flags.ts";
import { type GuardedProcess, startGuarded, untilReady } from "./guarded-process.ts";
import { freePort } from "./ports.ts";
import { findValkey } from "./provision.ts";

export interface ValkeyOptions {
  /** Folder of the append-only file, which survives restarts; left out, nothing is written to disk. */
  dir?: string | undefined;
  /** A free one when left out. */
  port?: number;
  executable?: string | undefined;
  logFile?: string | undefined;
  /** Further server arguments, e.g. `--cluster-enabled yes`; they win over the ones given here. */
  args?: readonly string[];
}

export interface ValkeyServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: GuardedProcess["exited"];
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a Valkey (or Redis) server on the loopback interface and waits until it has loaded its data and answers. */
export async function startValkey(options: ValkeyOptions = {}): Promise<ValkeyServer> {
  const port = options.port ?? (await freePort());
  // Even without persistence a server needs a folder of its own: a cluster node keeps its nodes.conf there.
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "holdfast-valkey-")));
  const server = await launchValkey({ ...options, port, dir, persist: options.dir !== undefined });
  const ended = server.exited.then(async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  });
  await server.ready;
  const stop = async (): Promise<void> => {
    await server.stop();
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: server.pid,
    exited: server.exited,
    stop,
    kill: (signal) => server.kill(signal),
  };
}

type LaunchOptions = ValkeyOptions & { port: number; dir: string; persist: boolean };

/** Like `startValkey`, but does not wait: `ready` says when it serves, and rejects when it never will. */
export async function launchValkey(options: LaunchOptions): Promise<GuardedProcess & { ready: Promise<void> }> {
  const executable = options.executable ?? (await findValkey());
  await mkdir(options.dir, { recursive: true });
  const server = await startGuarded(executable, serverArguments(options), { logFile: options.logFile });
  return { ...server, ready: untilReady(server, "Valkey", () => answers(options.port, server.pid)) };
}

function serverArguments(options: LaunchOptions): string[] {
  const { port, dir, persist } = options;
  return [
    ...flags({ port, bind: "127.0.0.1", dir, save: "", appendonly: persist ? "yes" : "no", appendfsync: "everysec" }),
    // Evicting a session's log would look like lost frames; a full server must refuse instead.
    ...flags({ "maxmemory-policy": "noeviction" }),
    // Hard and soft limit of a slow subscriber's buffer, after which it is dropped, reconnects and reads again.
    ...flags({ "client-output-buffer-limit": "pubsub 64mb 16mb 60" }),
    // A pid file names a process by its command line, which the server would soon overwrite.
    ...flags({ "set-proc-title": "no" }),
    ...(options.args ?? []),
  ];
}

/** Asks for the process id as well: if the port was another server's, that one would answer. */
async function answers(port: number, pid: number): Promise<boolean> {
  const redis = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1_000 });
  redis.on("error", () => {});
  try {
    await redis.connect();
    const info = await redis.info("server");
    return (await redis.ping()) === "PONG" && info.includes(`process_id:${pid}\r`);
  } finally {
    redis.disconnect();
  }
}
