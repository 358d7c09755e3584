import { sessionPath } from "@holdfast/contract";
import { startPair } from "@holdfast/redis-topologies";
import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { SessionLog } from "@holdfast/session-log";
import { expect, onTestFinished, test } from "vitest";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { useReading } from "./reading-fixture.ts";
import { TestClient } from "./client.ts";

const reading = useReading();
const silent = createLogger("test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

const CHANGES = {
  "and back": (pair) => pair.demoteAndBack(1_000),
  "and another is at its address": (pair) =>
    pair.switchOver({ holdMs: 1_500, cutsConnections: false, isForsaken: false }),
  "and another, of which it hears nothing, is at its address": (pair) =>
    pair.switchOver({ holdMs: 0, cutsConnections: false, isForsaken: true }),
} satisfies Record<string, (pair: Awaited<ReturnType<typeof startPair>>) => Promise<void>>;

for (const [what, change] of Object.entries(CHANGES)) {
  test(`open-6: a primary is demoted under live connections, ${what}: who writes and who listens find the way, and readers go on`, async () => {
    const pair = await startPair();
    onTestFinished(() => pair.stop());
    const edge = await reading.fixture.startEdge({ HOLDFAST_REDIS_URL: pair.url });
    const redis = connectRedis(pair.url, silent, "commands");
    onTestFinished(() => redis.disconnect());
    await expect.poll(() => redis.status).toBe("ready");
    const key = reading.newKey();
    const writer = new LogWriter(new SessionLog(redis), key);
    const client = await TestClient.connect(edge.url, key.owner);
    onTestFinished(() => client.leave());
    await client.open("s");
    await writer.turn("one");
    await reading.fixture.hold(writer);
    await client.until(() => client.of("s").view.version === 2);

    await change(pair);
    // As a worker's does, its connection finds the new primary once it was refused.
    await expect
      .poll(() =>
        writer.log.assertWritable(key).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await client.until(() => client.statuses.at(-1) === false);
    // Compared with its workflow, the log is known to be whole; and the edge listens where it is written.
    await expect.poll(async () => (await writer.log.verification(key)).verified).toBe(true);
    const feed = `hf:{${sessionPath(key)}}:feed`;
    await expect.poll(() => redis.call("PUBSUB", ["SHARDNUMSUB", feed])).toEqual([feed, 1]);
    await writer.turn("two");
    await reading.fixture.hold(writer);
    await client.until(() => client.of("s").view.version === 4);
    expect(client.of("s").view).toEqual(writer.snapshot);
    expect(client.of("s").breaks).toBe(0);
  });
}
