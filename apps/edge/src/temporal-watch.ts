import type { Client } from "@temporalio/client";

const POLL_INTERVAL_MS = 1_000;
const DEADLINE_MS = 2_000;

/**
 * Whether Temporal was reached since this process started. Only that: were a node not ready whenever Temporal is away, an
 * outage would take all nodes out of the balancer at once, and with them every client's connection.
 */
export class TemporalWatch {
  readonly #client: Client;
  #wasReached = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(client: Client) {
    this.#client = client;
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
    } catch {
      if (!this.#isStopped) this.#timer = setTimeout(() => void this.#look(), POLL_INTERVAL_MS);
    }
  }
}
