import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuarded, untilReady } from "@holdfast/stack/guarded-process";
import { freePort } from "@holdfast/stack/ports";
import { startValkey } from "@holdfast/stack/servers";
import { Redis } from "ioredis";

export interface Sentinel {
  url: string;
  /** Makes the replica the master; resolves when the sentinel says so. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

/** A master, a replica in step with it, and one sentinel that watches them. */
export async function startSentinel(executable: string): Promise<Sentinel> {
  const master = await startValkey({ executable });
  const replica = await startValkey({ executable, args: ["--replicaof", "127.0.0.1", String(master.port)] });
  const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), "holdfast-sentinel-"))];
  const config = join(dir, "sentinel.conf");
  await writeFile(
    config,
    [`port ${port}`, `dir ${dir}`, `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`, ""].join("\n"),
  );
  const process = await startGuarded(executable, [config, "--sentinel"]);
  const sentinel = new Redis(port, "127.0.0.1");
  const replicaClient = new Redis(replica.port, "127.0.0.1");
  for (const client of [sentinel, replicaClient]) client.on("error", () => {});
  await untilReady(process, "Sentinel", async () => {
    const known = String(await sentinel.info("sentinel")).includes("slaves=1");
    return known && String(await replicaClient.info("replication")).includes("master_link_status:up");
  });
  return {
    url: `redis+sentinel://127.0.0.1:${port}/mymaster`,
    failover: async () => {
      await sentinel.call("SENTINEL", "FAILOVER", "mymaster");
      const moved = async (): Promise<boolean> => {
        const address = await sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster");
        return Array.isArray(address) && Number(address[1]) === replica.port;
      };
      while (!(await moved())) await new Promise((resolve) => setTimeout(resolve, 50));
    },
    stop: async () => {
      for (const client of [sentinel, replicaClient]) client.disconnect();
      await process.stop();
      await Promise.all([master.stop(), replica.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
