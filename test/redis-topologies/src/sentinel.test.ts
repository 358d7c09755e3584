import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startSentinel } from "./index.ts";

test("what a primary acknowledged after its replication was cut is lost with it, whether it dies or hangs", async () => {
  const topology = await startSentinel();
  onTestFinished(() => topology.stop());
  for (const strike of ["killPrimary", "hangPrimary"] as const) {
    const primary = connect(await topology.primary());
    expect(await primary.set(`kept by ${strike}`, "yes")).toBe("OK");
    // With replicas in step this returns when both have it.
    expect(await primary.wait(2, 10_000)).toBe(2);
    await topology.cutReplication();
    for (let i = 0; i < 100; i++) expect(await primary.set(`lost by ${strike} ${i}`, "yes")).toBe("OK");

    const { lost, promoted } = await topology[strike]();
    expect(promoted).not.toBe(lost);
    const successor = connect(promoted);
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

function connect(port: number): Redis {
  const client = new Redis(port, "127.0.0.1");
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}
