import type { Logger } from "@holdfast/service/log";
import type { Client } from "@temporalio/client";
import { reasonOf } from "./temporal-failure.ts";

const POLL_INTERVAL_MS = 1_000;
const DEADLINE_MS = 2_000;

/**
 * Whether Temporal was reached since this process started. Only that: were a node not ready whenever Temporal is away, an
 * outage would take all nodes out of the balancer at once, and with them every client's connection.
 */
export class TemporalWatch {
  readonly #client: Client;
  readonly #log: Logger;
  #wasReached = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #isToldOf = false;

  constructor(client: Client, log: Logger) {
    this.#client = client;
    this.#log = log;
  }

  get wasReached(): boolean {
    return this.#wasReached;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#client.withDeadline(Date.now() + DEADLINE_MS, () => this.#client.workflowService.getSystemInfo({}));
      this.#wasReached = true;
      if (this.#isToldOf) this.#log.info("Temporal is there");
    } catch (error) {
      if (this.#isStopped) return;
      if (!this.#isToldOf) this.#log.warn({ reason: reasonOf(error) }, "Temporal is out of reach; waiting for it");
      this.#isToldOf = true;
      this.#timer = setTimeout(() => void this.#look(), POLL_INTERVAL_MS);
    }
  }
}
