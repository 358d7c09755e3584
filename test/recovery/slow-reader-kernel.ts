import { readFile } from "node:fs/promises";

/** What the kernel holds for a server's connections. Bytes. */
export interface KernelQueues {
  /** Written by the server and not acknowledged by the other side's kernel: in the server's send buffers. */
  sending: number;
  mostSending: number;
  /** Acknowledged and not read by the client: in receive buffers, which are another machine's but for this harness. */
  received: number;
}

/** Undefined where there is no /proc. `port`: the server's. */
export async function kernelQueues(port: number): Promise<KernelQueues | undefined> {
  let table: string;
  try {
    table = await readFile("/proc/net/tcp", "utf8");
  } catch {
    return undefined;
  }
  const queues: KernelQueues = { sending: 0, mostSending: 0, received: 0 };
  for (const line of table.split("\n").slice(1)) {
    const [, local, remote, , sizes] = line.trim().split(/\s+/);
    const [sending, received] = (sizes ?? "").split(":").map((hex) => Number.parseInt(hex, 16));
    if (portOf(local) === port) {
      queues.sending += sending ?? 0;
      queues.mostSending = Math.max(queues.mostSending, sending ?? 0);
    }
    if (portOf(remote) === port) queues.received += received ?? 0;
  }
  return queues;
}

function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(":")[1] ?? "", 16);
}
