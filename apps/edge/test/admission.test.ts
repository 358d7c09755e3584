import { createLogger } from "@holdfast/service/log";
import { connectRedis } from "@holdfast/service/redis";
import { startValkey } from "@holdfast/stack/servers";
import { expect, onTestFinished, test } from "vitest";
import { createAdmission } from "../src/connect/admission.ts";
import type { Claims } from "../src/connect/tokens.ts";

const silent = createLogger("admission-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const settings = { HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: 2, HOLDFAST_CONNECTS_PER_MINUTE_PER_TENANT: 100 };
const claims: Claims = { tenant: "acme", subject: "ann", shared: new Set(), expiresAt: undefined };

test("limit-2: a Redis that hangs holds nobody up, and the node counts for itself", async () => {
  const valkey = await startValkey();
  onTestFinished(() => valkey.stop());
  const redis = connectRedis(valkey.url, silent, "commands");
  onTestFinished(() => redis.disconnect());
  await new Promise<void>((resolve) => void redis.once("ready", resolve));
  let isDegraded = false;
  const admit = createAdmission(redis, settings, () => isDegraded);
  expect(await admit(claims)).toBeUndefined();

  valkey.kill("SIGSTOP");
  isDegraded = true;
  // Asked first, and not answered before its timeout.
  const hung = redis.ping().then(
    () => "answered",
    () => "hung",
  );
  const admitted = admit(claims).then(() => "admitted");
  expect(await Promise.race([hung, admitted])).toBe("admitted");
  expect(await admit(claims)).toBeUndefined();
  expect(await admit(claims)).toMatchObject({ code: "rate_limited" });
  expect(await hung).toBe("hung");
});
