import { connect } from "node:net";
import { StackError } from "./stack-error.ts";

const CONNECT_MS = 5_000;

/**
 * Rejects with a sentence when nothing listens at a server somebody else runs; the apps would only wait for it in vain.
 * `address`: host:port, or a URL that may name several hosts (Sentinel, Cluster), one of which is enough.
 */
export async function requireReachable(variable: string, address: string): Promise<void> {
  const hosts = hostsOf(address);
  const answers = await Promise.all(hosts.map(({ host, port }) => listens(host, port)));
  if (answers.some(Boolean)) return;
  throw new StackError(
    "unreachable",
    `Nothing answers at ${variable} (${hosts.map(({ host, port }) => `${host}:${port}`).join(", ")}): start that server or ` +
      `correct the address, or unset ${variable} to have one started for you.`,
  );
}

/** Without credentials, scheme and path: what is left may be shown to a person. */
function hostsOf(address: string): { host: string; port: number }[] {
  const afterScheme = address.includes("://") ? address.slice(address.indexOf("://") + 3) : address;
  const authority = afterScheme.split("/")[0] ?? "";
  const hosts = authority.slice(authority.lastIndexOf("@") + 1).split(",");
  const usual = address.startsWith("redis+sentinel:") ? 26_379 : address.startsWith("redis") ? 6_379 : 7_233;
  return hosts.map((text) => {
    const match = /^(?<host>\[.*\]|[^:]*)(?::(?<port>\d+))?$/.exec(text);
    const host = match?.groups?.["host"]?.replace(/^\[|\]$/g, "") || "127.0.0.1";
    return { host, port: Number(match?.groups?.["port"] ?? usual) };
  });
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_MS });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
  });
}
