import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GuardedProcess, startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { Redis } from "ioredis";

export const NAME = "mymaster";
const DOWN_AFTER_MS = 1_000;
/**
 * How often it asks, in milliseconds, where its own ten seconds and one second would be too seldom: one connection that
 * breaks would be a node that is down, and a node that was mended unknown for long.
 */
const PERIODS = { "info-period": 500, "ping-period": 300 };
/** An election without a winner is repeated after twice this. */
const FAILOVER_TIMEOUT_MS = 3_000;

/** One of those who watch a primary and its replicas, and elect. */
export class SentinelProcess {
  readonly port: number;
  readonly #client: Redis;
  readonly #process: GuardedProcess;
  readonly #dir: string;

  private constructor(port: number, process: GuardedProcess, dir: string) {
    this.port = port;
    this.#process = process;
    this.#dir = dir;
    this.#client = new Redis(port, "127.0.0.1", { commandTimeout: 2_000, maxRetriesPerRequest: 0 });
    this.#client.on("error", () => {});
  }

  static async start(executable: string, primary: number, quorum: number): Promise<SentinelProcess> {
    const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), "holdfast-sentinel-"))];
    const config = join(dir, "sentinel.conf");
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${dir}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${primary} ${quorum}`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
      `sentinel parallel-syncs ${NAME} 8`,
      "",
    ];
    await writeFile(config, lines.join("\n"));
    const process = await startGuarded(executable, [config, "--sentinel"]);
    const sentinel = new SentinelProcess(port, process, dir);
    await untilReady(process, "Sentinel", async () => (await sentinel.primary()) === primary);
    await sentinel.#client.call("SENTINEL", "DEBUG", ...Object.entries(PERIODS).flat());
    return sentinel;
  }

  /** Port of the node it takes for the primary. */
  async primary(): Promise<number> {
    const address = await this.#client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME);
    return Array.isArray(address) ? Number(address[1]) : 0;
  }

  /** Whether it knows the primary, so many replicas and so many other sentinels, and finds nothing wrong with any. */
  async isContent(replicas: number, others: number): Promise<boolean> {
    const [primary] = fieldsOf([await this.#client.call("SENTINEL", "MASTER", NAME)]);
    const nodes = fieldsOf(await this.#client.call("SENTINEL", "REPLICAS", NAME));
    return (
      primary?.get("flags") === "master" &&
      primary.get("num-other-sentinels") === String(others) &&
      nodes.length === replicas &&
      nodes.every((node) => node.get("flags") === "slave" && node.get("master-link-status") === "ok")
    );
  }

  async stop(): Promise<void> {
    this.#client.disconnect();
    await this.#process.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Answers of Sentinel: a list of lists, each of names and values in turn. */
function fieldsOf(answer: unknown): Map<string, string>[] {
  if (!Array.isArray(answer)) return [];
  return answer.map((entry: unknown) => {
    const words = Array.isArray(entry) ? entry.map(String) : [];
    return new Map(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1] ?? ""] as const] : [])));
  });
}
