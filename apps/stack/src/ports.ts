import { createServer } from "node:net";
import { StackError } from "./stack-error.ts";

/** Below where operating systems take the local ports of outgoing connections from (32768 on Linux, 49152 on macOS). */
const FIRST = 12_000;
const COUNT = 20_000;
const given = new Set<number>();

/**
 * A loopback port that is free now and was not given out by this process before. Another process may still take it
 * before it is bound; drawn at random out of 20,000 that no outgoing connection uses, that is rare.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !(await isPortFree(port))) continue;
    given.add(port);
    return port;
  }
}

/** Both loopback addresses count: `localhost` in a browser may be either. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, "127.0.0.1")) && (await canListen(port, "::1"));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // A machine without IPv6 has nothing that could listen there.
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "EADDRINUSE" && error.code !== "EACCES"),
    );
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** One port the stack is about to use, and how to move it. */
export interface PortClaim {
  what: string;
  port: number;
  variable: string;
}

/** Ports from 1024 that browsers and Node's own fetch refuse to open, as the Fetch standard lists them. */
const REFUSED = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
const LOWEST = 1_024;
const HIGHEST = 65_535;

/** Throws naming every port that cannot serve what it is for, whatever else runs on the machine. */
export function requireUsablePorts(claims: readonly PortClaim[]): void {
  const problems = claims.flatMap(({ what, port, variable }) => {
    const twin = claims.find((claim) => claim.port === port);
    const say = (why: string): string[] => [`Port ${port} (${what}) ${why}: set ${variable} to another.`];
    if (port < LOWEST && process.getuid?.() !== 0)
      return say(`is below ${LOWEST}, where only the administrator may listen`);
    if (port > HIGHEST) return say(`is above ${HIGHEST}, the highest there is`);
    if (REFUSED.has(port)) return say("is one that browsers refuse to open");
    return twin !== undefined && twin.what !== what ? say(`is also the ${twin.what}'s`) : [];
  });
  if (problems.length === 0) return;
  const hint = "Or move every port at once: npm start -- --port-base 14000.";
  throw new StackError("bad_port", [...problems, hint].join("\n"));
}

/** Rejects naming every port that is in use, and the variables that move them, before anything was started. */
export async function requireFreePorts(claims: readonly PortClaim[]): Promise<void> {
  const free = await Promise.all(claims.map((claim) => isPortFree(claim.port)));
  const taken = claims.filter((_, index) => !free[index]);
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ what, port, variable }) => `Port ${port} (${what}) is in use: set ${variable} to another.`,
  );
  const hint = "Or stop what uses it, or move every port at once: npm start -- --port-base 14000.";
  throw new StackError("port_in_use", [...lines, hint].join("\n"));
}
