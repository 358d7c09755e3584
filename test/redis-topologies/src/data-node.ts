import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@holdfast/stack/ports";
import { startValkey, type ValkeyServer } from "@holdfast/stack/servers";
import { Redis } from "ioredis";

export interface DataNodeOptions {
  executable: string;
  persist: boolean;
  args: readonly string[];
}

/** One server of a topology. It keeps its port and its folder over its deaths, and with the folder its place in a cluster. */
export class DataNode {
  readonly port: number;
  /** For questions and orders. Rejects within seconds while the node is away or hangs. */
  readonly client: Redis;
  readonly #dir: string;
  readonly #options: DataNodeOptions;
  #server: ValkeyServer | undefined;
  #state: "up" | "killed" | "hung" = "up";

  private constructor(port: number, dir: string, options: DataNodeOptions) {
    this.port = port;
    this.#dir = dir;
    this.#options = options;
    this.client = new Redis(port, "127.0.0.1", {
      lazyConnect: true,
      commandTimeout: 2_000,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 50,
    });
    this.client.on("error", () => {});
  }

  static async start(options: DataNodeOptions): Promise<DataNode> {
    const node = new DataNode(await freePort(), await mkdtemp(join(tmpdir(), "holdfast-node-")), options);
    await node.#start([]);
    return node;
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Resolves when the process has ended. */
  async kill(): Promise<void> {
    this.#state = "killed";
    this.#server?.kill("SIGKILL");
    await this.#server?.exited;
  }

  /** It keeps its connections, and answers nothing. */
  hang(): void {
    this.#state = "hung";
    this.#server?.kill("SIGSTOP");
  }

  wake(): void {
    if (this.#state !== "hung") return;
    this.#state = "up";
    this.#server?.kill("SIGCONT");
  }

  /** Starts a killed node again; `args` are further server arguments for this life. Does nothing for one that lives. */
  async revive(args: readonly string[]): Promise<void> {
    if (this.#state !== "killed") return;
    await this.#start(args);
    this.#state = "up";
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    await this.#server?.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #start(args: readonly string[]): Promise<void> {
    const { executable, persist } = this.#options;
    this.#server = await startValkey({
      executable,
      port: this.port,
      dir: this.#dir,
      args: ["--appendonly", persist ? "yes" : "no", ...this.#options.args, ...args],
    });
  }
}
