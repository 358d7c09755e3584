import { Redis } from "ioredis";
import { test } from "vitest";
import { startCluster, startSentinel } from "./index.ts";

test.concurrent("what a primary acknowledged after its replication was cut is lost with it, whether it dies or hangs", async ({
  expect,
  onTestFinished,
}) => {
  const topology = await startSentinel();
  onTestFinished(() => topology.stop());
  for (const strike of ["killPrimary", "hangPrimary"] as const) {
    const primary = connect(await topology.primary(), onTestFinished);
    expect(await primary.set(`kept by ${strike}`, "yes")).toBe("OK");
    // With replicas in step this returns when both have it.
    expect(await primary.wait(2, 10_000)).toBe(2);
    await topology.cutReplication();
    for (let i = 0; i < 100; i++) expect(await primary.set(`lost by ${strike} ${i}`, "yes")).toBe("OK");

    const { lost, promoted } = await topology[strike]();
    expect(promoted).not.toBe(lost);
    const successor = connect(promoted, onTestFinished);
    expect(await successor.get(`kept by ${strike}`)).toBe("yes");
    expect(await successor.keys("lost *")).toEqual([]);

    topology.wake();
    if (strike === "hangPrimary") expect(await primary.set("lost to the wrong one", "yes")).toBe("OK");
    await topology.mend();
    expect(await successor.set(`after ${strike}`, "yes")).toBe("OK");
    expect(await successor.wait(2, 10_000)).toBe(2);
    expect(await successor.keys("lost *")).toEqual([]);
  }
});

test.concurrent("a lost master's slots are served again, without what it acknowledged after its replication was cut", async ({
  expect,
  onTestFinished,
}) => {
  const topology = await startCluster();
  onTestFinished(() => topology.stop());
  const slot = await topology.slotOf("a");
  for (const strike of ["killMaster", "hangMaster"] as const) {
    const before = await topology.masters();
    const master = connect(before[Math.floor((slot * before.length) / 16_384)] ?? 0, onTestFinished);
    expect(await master.set("a", `kept by ${strike}`)).toBe("OK");
    // With the replica in step this returns when it has it.
    expect(await master.wait(1, 10_000)).toBe(1);
    await topology.cutReplication();
    expect(await master.set("a", `lost by ${strike}`)).toBe("OK");

    const { lost, promoted } = await topology[strike](slot);
    expect(await topology.masters()).toEqual(before.map((port) => (port === lost ? promoted : port)));
    expect(topology.ports()).toHaveLength(5);
    expect(await connect(promoted, onTestFinished).get("a")).toBe(`kept by ${strike}`);

    await topology.mend();
    expect(topology.ports()).toHaveLength(6);
    expect(await connect(lost, onTestFinished).info("replication")).toContain(`master_port:${promoted}\r`);
  }
});

/** To the node itself; of a Cluster it answers only for slots it serves. */
function connect(port: number, finished: (close: () => void) => void): Redis {
  const client = new Redis(port, "127.0.0.1");
  client.on("error", () => {});
  finished(() => client.disconnect());
  return client;
}
