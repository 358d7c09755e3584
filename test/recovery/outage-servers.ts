import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startTemporal, startValkey, type TemporalServer, type ValkeyServer } from "@holdfast/stack/servers";
import { Redis } from "ioredis";
import { withTemporal } from "../kit/temporal.ts";
import { until } from "../kit/wait.ts";

export type ServerName = "redis" | "temporal";

/**
 * How a server goes away, and what it is when it comes back. `kill`: SIGKILL, and back with its data. `empty`: SIGKILL, and
 * back without. `hang`: SIGSTOP, so that connections stay open and nothing is answered. `replace`: it hangs, and an empty one
 * takes its place.
 */
export type Manner = "kill" | "empty" | "hang" | "replace";

export interface Absence {
  server: ServerName;
  manner: Manner;
}

/** Milliseconds a server has to answer before it counts as away. */
const ANSWER_MS = 1_000;

/** A Valkey and a Temporal that no supervisor mends: they come back when they are told to, on the same ports. */
export class OutageServers {
  readonly redisUrl: string;
  readonly temporalAddress: string;
  readonly #dir: string;
  #valkey: ValkeyServer;
  #temporal: TemporalServer;

  private constructor(dir: string, valkey: ValkeyServer, temporal: TemporalServer) {
    this.#dir = dir;
    this.#valkey = valkey;
    this.#temporal = temporal;
    this.redisUrl = valkey.url;
    this.temporalAddress = temporal.address;
  }

  /** `dir`: where both keep their data. */
  static async start(dir: string): Promise<OutageServers> {
    const [valkey, temporal] = await Promise.all([
      startValkey({ dir: join(dir, "redis") }),
      startTemporal({ dir: join(dir, "temporal") }),
    ]);
    return new OutageServers(dir, valkey, temporal);
  }

  /** Resolves when the server answers nobody any more. */
  async take({ server, manner }: Absence): Promise<void> {
    const process = this.#process(server);
    const hangs = manner === "hang" || manner === "replace";
    process.kill(hangs ? "SIGSTOP" : "SIGKILL");
    if (!hangs) await process.exited;
    await until(`${server} is away`, async () => !(await this.#answers(server)));
  }

  /** Resolves when the server serves again. */
  async bringBack({ server, manner }: Absence): Promise<void> {
    const process = this.#process(server);
    if (manner === "hang") process.kill("SIGCONT");
    else {
      process.kill("SIGKILL");
      await process.exited;
      await this.#restart(server, manner !== "kill");
    }
    await until(`${server} is back`, () => this.#answers(server));
  }

  async stop(): Promise<void> {
    await Promise.all([this.#valkey.stop(), this.#temporal.stop()]);
  }

  #process(server: ServerName): ValkeyServer | TemporalServer {
    return server === "redis" ? this.#valkey : this.#temporal;
  }

  async #restart(server: ServerName, empty: boolean): Promise<void> {
    const dir = join(this.#dir, server);
    if (empty) await rm(dir, { recursive: true });
    if (server === "redis") this.#valkey = await startValkey({ dir, port: this.#valkey.port });
    else this.#temporal = await startTemporal({ dir, port: Number(this.temporalAddress.split(":")[1]) });
  }

  #answers(server: ServerName): Promise<boolean> {
    const answer = server === "redis" ? redisAnswers(this.redisUrl) : temporalAnswers(this.temporalAddress);
    return answer.catch(() => false);
  }
}

async function redisAnswers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, commandTimeout: ANSWER_MS });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === "PONG";
  } finally {
    redis.disconnect();
  }
}

function temporalAnswers(address: string): Promise<boolean> {
  return withTemporal(address, async (temporal) => {
    await temporal.withDeadline(Date.now() + ANSWER_MS, () => temporal.workflowService.getSystemInfo({}));
    return true;
  });
}
