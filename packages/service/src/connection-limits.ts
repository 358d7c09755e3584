import type { Server } from "node:http";
import { isIPv6, type Socket } from "node:net";

/** TCP connections a server holds at once. `pending`: those that were not upgraded, which a client gets without being anybody. */
export interface ConnectionLimits {
  readonly total: number;
  readonly pending: number;
  /** Of one address, which for IPv6 is a /64: nobody has less. */
  readonly perAddress: number;
  readonly pendingPerAddress: number;
  /** Addresses that stand for many: proxies. */
  readonly isExempt: (address: string | undefined) => boolean;
  readonly onRefused: () => void;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  total: 4_096,
  pending: 4_096,
  perAddress: 4_096,
  pendingPerAddress: 4_096,
  isExempt: () => false,
  onRefused: () => {},
};

const FULL =
  "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n" +
  "Content-Length: 45\r\n\r\nToo many connections here. Try again shortly.";

/** Connections of one address. */
interface Held {
  all: number;
  pending: number;
}

/**
 * Refuses connections beyond the limits before HTTP sees them, and leaves those that are there alone. Files that a process may
 * open are few: whoever could take them all would cut it off from everything else as well.
 */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  const byAddress = new Map<string, Held>();
  const pending = new Set<Socket>();

  const leavePending = (socket: Socket, held: Held): void => {
    if (pending.delete(socket)) held.pending--;
  };
  const isOver = (held: Held, address: string | undefined): boolean => {
    if (pending.size >= limits.pending) return true;
    return !limits.isExempt(address) && (held.all >= limits.perAddress || held.pending >= limits.pendingPerAddress);
  };

  server.maxConnections = limits.total;
  // The kernel's connection is closed at once: this is the last resort, and must cost nothing.
  server.on("drop", limits.onRefused);
  server.prependListener("connection", (socket) => {
    const network = networkOf(socket.remoteAddress ?? "");
    const held = byAddress.get(network) ?? { all: 0, pending: 0 };
    if (isOver(held, socket.remoteAddress)) {
      limits.onRefused();
      // Who is gone already is nobody to tell.
      socket.on("error", () => {});
      socket.write(FULL);
      socket.destroySoon();
      return;
    }
    byAddress.set(network, held);
    held.all++;
    held.pending++;
    pending.add(socket);
    socket.once("close", () => {
      leavePending(socket, held);
      held.all--;
      if (held.all === 0) byAddress.delete(network);
    });
  });
  server.prependListener("upgrade", ({ socket }) => {
    const held = byAddress.get(networkOf(socket.remoteAddress ?? ""));
    if (held !== undefined) leavePending(socket, held);
  });
}

/** An address, or the /64 of an IPv6 one. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
