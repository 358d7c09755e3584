import { rm } from "node:fs/promises";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { useReading } from "./reading-fixture.ts";
import { input, type TestClient } from "./client.ts";

const reading = useReading();

interface Refusal {
  begin(redis: Redis): Promise<unknown>;
  end(redis: Redis): Promise<unknown>;
}

/** Ways in which a server that answers reads comes to refuse writes. */
const REFUSALS: Record<string, Refusal> = {
  "too few replicas (NOREPLICAS)": {
    begin: (redis) => redis.config("SET", "min-replicas-to-write", "1"),
    end: (redis) => redis.config("SET", "min-replicas-to-write", "0"),
  },
  "memory that is full (OOM)": {
    begin: (redis) => redis.config("SET", "maxmemory", "1"),
    end: (redis) => redis.config("SET", "maxmemory", "0"),
  },
  "a role that changed (READONLY)": {
    begin: (redis) => redis.replicaof("127.0.0.1", "1"),
    end: (redis) => redis.replicaof("NO", "ONE"),
  },
  "a replica that has lost its primary (MASTERDOWN)": {
    begin: async (redis) => {
      await redis.config("SET", "replica-serve-stale-data", "no");
      await redis.replicaof("127.0.0.1", "1");
    },
    end: (redis) => redis.replicaof("NO", "ONE"),
  },
  "a disk that cannot be written (MISCONF)": {
    begin: async (redis) => {
      const [, dir = ""] = await redis.config("GET", "dir");
      await redis.config("SET", "save", "3600 1");
      await rm(dir, { recursive: true, force: true });
      await redis.set("unsaved", "1", "EX", 60);
      await redis.bgsave();
      await expect.poll(() => redis.info("persistence")).toContain("rdb_last_bgsave_status:err");
    },
    end: (redis) => redis.config("SET", "stop-writes-on-bgsave-error", "no"),
  },
  "a user who may not write (NOPERM)": {
    begin: (redis) => redis.call("ACL", "SETUSER", "default", "-@write"),
    end: (redis) => redis.call("ACL", "SETUSER", "default", "+@all"),
  },
  "a user whose keys are others (NOPERM)": {
    begin: (redis) => redis.call("ACL", "SETUSER", "default", "resetkeys", "~other:*"),
    end: (redis) => redis.call("ACL", "SETUSER", "default", "allkeys"),
  },
  "a user who may not run scripts (NOPERM)": {
    begin: (redis) => redis.call("ACL", "SETUSER", "default", "-@scripting"),
    end: (redis) => redis.call("ACL", "SETUSER", "default", "+@all"),
  },
  "a user who may not publish (NOPERM)": {
    begin: (redis) => redis.call("ACL", "SETUSER", "default", "-spublish"),
    end: (redis) => redis.call("ACL", "SETUSER", "default", "+@all"),
  },
};

for (const [cause, refusal] of Object.entries(REFUSALS)) {
  test(`open-6: ${cause}: readers are told, nobody is given what is old, intake goes on, and all have the truth afterwards`, async () => {
    const { key, writer, client } = await reading.firstTurnRead();
    await reading.fixture.hold(writer);
    const redis = new Redis(reading.fixture.valkey.url);
    onTestFinished(() => redis.disconnect());
    await refusal.begin(redis);
    // Held by the workflow alone.
    await writer.begin().catch(() => {});
    writer.commitOnly();
    await reading.fixture.hold(writer);

    // Before anybody has noticed, and after.
    const late: TestClient[] = [await reading.connect(key)];
    await late[0]?.open("s");
    await client.until(() => client.statuses.at(-1) === true);
    late.push(await reading.connect(key));
    await late[1]?.open("s");
    for (const one of late) await one.until(() => one.statuses.at(-1) === true);
    expect(await client.send("s", [input(1)])).toEqual({ ok: true, durable: 1 });
    expect(late.flatMap((one) => one.of("s").frames)).toEqual([]);
    expect(client.of("s").view.version).toBe(2);

    await refusal.end(redis);
    for (const one of [client, ...late]) {
      await one.until(() => one.statuses.at(-1) === false);
      await one.until(() => one.of("s").view.version === 4);
      expect(one.of("s").view).toEqual(writer.snapshot);
      expect(one.of("s").breaks).toBe(0);
    }
    for (const one of late) expect(one.of("s").frames).toHaveLength(1);
  });
}

test("open-1: an edge that is asked for a session nobody has sent anything to tells each reader the agent it named", async () => {
  const key = reading.newKey();
  const agents = ["echo", "concierge"];
  const clients = await Promise.all(agents.map(() => reading.connect(key)));
  await Promise.all(clients.map((client, i) => client.open("s", { agent: agents[i] })));
  await Promise.all(clients.map((client) => client.until(() => client.of("s").last !== undefined)));
  expect(clients.map((client) => client.of("s").view.agent)).toEqual(agents);
});
