import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Scribe } from "./scribe.ts";
import { Stage } from "./stage.ts";
import { Visitor } from "./visitor.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.start();
  await stage.startWorker();
});
afterAll(() => stage.stop());

test("open-3: where Redis does not tell its replication id the workflow is asked, and its snapshot is served", async () => {
  const redis = new Redis(stage.valkey.url);
  await redis.call("ACL", "SETUSER", "shy", "on", ">secret", "~*", "&*", "+@all", "-info");
  redis.disconnect();
  const edge = await stage.startEdge({ HOLDFAST_REDIS_URL: stage.valkey.url.replace("//", "//shy:secret@") });
  const scribe = new Scribe(stage, await stage.openLog(), { tenant: "acme", owner: "ada", name: "s" });
  await scribe.turn("one");
  await scribe.tellWorkflow();
  for (let visits = 1; visits <= 2; visits++) {
    const visitor = await Visitor.connect(edge.url, "ada");
    await visitor.open("s");
    await visitor.until(() => visitor.of("s").last !== undefined);
    expect(visitor.of("s").view).toEqual(scribe.snapshot);
    await scribe.turn("more");
    await scribe.tellWorkflow();
    await visitor.until(() => visitor.of("s").view.version === scribe.snapshot.version);
    expect(visitor.of("s").breaks).toBe(0);
    visitor.leave();
  }
});
