import { startValkey, type ValkeyServer } from "@holdfast/stack/servers";
import { Redis } from "ioredis";
import type { Servers } from "./backends.ts";

const SLOTS = 16_384;
const MASTERS = 3;

/** A real Cluster of three masters, without the command line tool that usually makes one. */
export async function startCluster(executable: string, freePort: () => Promise<number>): Promise<Servers> {
  const nodes: { server: ValkeyServer; bus: number }[] = [];
  for (let i = 0; i < MASTERS; i++) {
    // The default bus port, 10,000 above the other, may not exist.
    const bus = await freePort();
    const cluster = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--cluster-node-timeout", "2000"];
    nodes.push({ bus, server: await startValkey({ executable, args: cluster }) });
  }
  const clients = nodes.map(({ server }) => new Redis(server.port, "127.0.0.1"));
  for (const [i, client] of clients.entries()) {
    const [first, next] = [Math.floor((i * SLOTS) / MASTERS), Math.floor(((i + 1) * SLOTS) / MASTERS)];
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    await client.call("CLUSTER", "ADDSLOTSRANGE", first, next - 1);
    for (const { server, bus } of nodes.slice(0, i))
      await client.call("CLUSTER", "MEET", "127.0.0.1", server.port, bus);
  }
  while (!(await Promise.all(clients.map(isWhole))).every(Boolean)) await new Promise((r) => setTimeout(r, 50));
  for (const client of clients) client.disconnect();
  return {
    url: `redis+cluster://${nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(",")}`,
    ports: nodes.map(({ server }) => server.port),
    stop: async () => {
      await Promise.all(nodes.map(({ server }) => server.stop()));
    },
  };
}

async function isWhole(client: Redis): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  const slots = await client.call("CLUSTER", "SLOTS");
  return info.includes("cluster_state:ok") && Array.isArray(slots) && slots.length === MASTERS;
}
