import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { Fixture } from "./fixture.ts";
import { TestClient } from "./client.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.start();
  await fixture.startWorker();
});
afterAll(() => fixture.stop());

test("open-3: where Redis does not tell its replication id the workflow is asked, and its snapshot is served", async () => {
  const redis = new Redis(fixture.valkey.url);
  await redis.call("ACL", "SETUSER", "shy", "on", ">secret", "~*", "&*", "+@all", "-info");
  redis.disconnect();
  const edge = await fixture.startEdge({ HOLDFAST_REDIS_URL: fixture.valkey.url.replace("//", "//shy:secret@") });
  const writer = new LogWriter(await fixture.openLog(), { tenant: "acme", owner: "ada", name: "s" });
  await writer.turn("one");
  await fixture.hold(writer);
  for (let visits = 1; visits <= 2; visits++) {
    const client = await TestClient.connect(edge.url, "ada");
    await client.open("s");
    await client.until(() => client.of("s").last !== undefined);
    expect(client.of("s").view).toEqual(writer.snapshot);
    await writer.turn("more");
    await fixture.hold(writer);
    await client.until(() => client.of("s").view.version === writer.snapshot.version);
    expect(client.of("s").breaks).toBe(0);
    client.leave();
  }
});
