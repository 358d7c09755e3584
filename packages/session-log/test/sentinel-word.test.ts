import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { startSentinel } from "@holdfast/redis-topologies";
import { expect, onTestFinished, test, vi } from "vitest";

const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const MAX_FAILOVERS = 5;

test("a connection that hears of a failover while it asks for the primary comes back all the same", async () => {
  const topology = await startSentinel();
  onTestFinished(() => topology.stop());
  const connections = Array.from({ length: 60 }, () => connectRedis(topology.url, silent, "subscriber"));
  onTestFinished(() => {
    for (const connection of connections) connection.disconnect();
  });
  const untilReady = (): Promise<void> =>
    vi.waitFor(() => expect(connections.map(({ status }) => status)).toEqual(connections.map(() => "ready")), {
      timeout: 30_000,
      interval: 100,
    });
  await untilReady();
  let ends = 0;
  for (const connection of connections) connection.on("end", () => ends++);
  for (let failovers = 0; failovers < MAX_FAILOVERS && ends === 0; failovers++) {
    await topology.killPrimary();
    await topology.mend();
    await untilReady();
  }
  // Else nobody was told at the wrong moment, and nothing was tried.
  expect(ends).toBeGreaterThan(0);
});
