import { connect, createServer, type Server } from "node:net";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { startSentinel } from "@holdfast/redis-topologies";
import { expect, onTestFinished, test, vi } from "vitest";

const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const CONNECTIONS = 3;
const PATIENCE = { timeout: 30_000, interval: 50 };

/** Stands before one sentinel. Who comes while it is held gets no answer; who subscribed before hears everything. */
class Antechamber {
  subscriptions = 0;
  readonly #server: Server;
  #isHeld = false;

  constructor(sentinel: string) {
    const [host, port] = sentinel.split(":");
    this.#server = createServer((near) => {
      const far = connect(Number(port), host);
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
      far.on("error", () => near.destroy()).on("close", () => near.destroy());
      near.pipe(far);
      if (this.#isHeld) return;
      far.pipe(near);
      far.on("data", (data) => {
        if (data.includes("subscribe\r\n$14\r\n+switch-master")) this.subscriptions++;
      });
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    return typeof address === "object" ? `127.0.0.1:${address?.port}` : "";
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
  }

  close(): void {
    this.#server.close();
  }
}

test("a connection that hears of a failover while it asks for the primary comes back all the same", async () => {
  const topology = await startSentinel();
  onTestFinished(() => topology.stop());
  const [, sentinels = "", name = ""] = /^redis\+sentinel:\/\/(.*)\/(.*)$/.exec(topology.url) ?? [];
  const antechambers = sentinels.split(",").map((sentinel) => new Antechamber(sentinel));
  const hosts = await Promise.all(antechambers.map((antechamber) => antechamber.open()));
  const url = `redis+sentinel://${hosts.join(",")}/${name}`;
  const connections = Array.from({ length: CONNECTIONS }, () => connectRedis(url, silent, "subscriber"));
  onTestFinished(() => {
    for (const connection of connections) connection.disconnect();
    for (const antechamber of antechambers) antechamber.close();
  });
  const untilReady = async (): Promise<void> =>
    vi.waitFor(() => expect(connections.map(({ status }) => status)).toEqual(connections.map(() => "ready")), PATIENCE);
  await untilReady();
  await vi.waitFor(() => {
    for (const { subscriptions } of antechambers) expect(subscriptions).toBe(CONNECTIONS);
  }, PATIENCE);
  let ends = 0;
  for (const connection of connections) connection.on("end", () => ends++);

  for (const antechamber of antechambers) antechamber.hold();
  await topology.killPrimary();
  await vi.waitFor(() => expect(ends).toBeGreaterThan(0), PATIENCE);
  for (const antechamber of antechambers) antechamber.release();
  await untilReady();
});
