import type { SessionKey } from "@holdfast/contract";
import type { EventBatch } from "@holdfast/internal";
import { connectTemporal } from "@holdfast/service/temporal";
import { startTemporal } from "@holdfast/stack/servers";
import { expect, onTestFinished, test } from "vitest";
import { createSignal } from "../src/send/signals.ts";

function batchOf(bytes: number): EventBatch {
  return {
    runs: [
      { by: "ann", producer: "p", at: 1, events: [{ seq: 1, kind: "observe", name: "n", data: "x".repeat(bytes) }] },
    ],
  };
}

function keyOf(name: string): SessionKey {
  return { tenant: "acme", owner: "ada", name };
}

test.for([
  ["beyond what a payload may be", 2.5 * 1024 * 1024],
  ["beyond what a call may be", 6 * 1024 * 1024],
] as const)(
  "limit-1: a batch that Temporal does not take is `too_large`, and not tried for ever: %s",
  async ([, bytes]) => {
    const temporal = await startTemporal();
    onTestFinished(() => temporal.stop());
    const client = connectTemporal(
      {
        HOLDFAST_TEMPORAL_ADDRESS: temporal.address,
        HOLDFAST_TEMPORAL_NAMESPACE: "default",
        HOLDFAST_TEMPORAL_TLS: false,
      },
      "caller",
    );
    onTestFinished(() => client.connection.close());
    const signal = createSignal(client, "shared");
    const target = { key: keyOf("s"), agent: "echo" };
    expect(await signal(target, batchOf(10))).toEqual({ outcome: "durable" });
    expect(await signal(target, batchOf(bytes))).toMatchObject({ outcome: "refused", error: { code: "too_large" } });
    expect(await signal(target, batchOf(11))).toEqual({ outcome: "durable" });
  },
);
