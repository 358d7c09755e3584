import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startCluster } from "./index.ts";

test("a lost master's slots are served again, without what it acknowledged after its replication was cut", async () => {
  const topology = await startCluster();
  onTestFinished(() => topology.stop());
  const slot = await topology.slotOf("a");
  for (const strike of ["killMaster", "hangMaster"] as const) {
    const before = await topology.masters();
    const master = connect(before[Math.floor((slot * before.length) / 16_384)] ?? 0);
    expect(await master.set("a", `kept by ${strike}`)).toBe("OK");
    // With the replica in step this returns when it has it.
    expect(await master.wait(1, 10_000)).toBe(1);
    await topology.cutReplication();
    expect(await master.set("a", `lost by ${strike}`)).toBe("OK");

    const { lost, promoted } = await topology[strike](slot);
    expect(await topology.masters()).toEqual(before.map((port) => (port === lost ? promoted : port)));
    expect(topology.ports()).toHaveLength(5);
    expect(await connect(promoted).get("a")).toBe(`kept by ${strike}`);

    await topology.mend();
    expect(topology.ports()).toHaveLength(6);
    expect(await connect(lost).info("replication")).toContain(`master_port:${promoted}\r`);
  }
});

/** To the node itself, which answers only for slots it serves. */
function connect(port: number): Redis {
  const client = new Redis(port, "127.0.0.1");
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}
