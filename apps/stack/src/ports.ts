import { createServer } from "node:net";
import getPort from "get-port";
import { StackError } from "./stack-error.ts";

/** A port free at this moment. Another process may take it before we do: whoever binds it must be ready to try again. */
export function freePort(): Promise<number> {
  return getPort({ host: "127.0.0.1" });
}

export function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** One port the stack is about to use, and how to move it. */
export interface PortClaim {
  what: string;
  port: number;
  variable: string;
}

/** Rejects naming every port that is in use, and the variables that move them, before anything was started. */
export async function requireFreePorts(claims: readonly PortClaim[]): Promise<void> {
  const free = await Promise.all(claims.map((claim) => isPortFree(claim.port)));
  const taken = claims.filter((_, index) => !free[index]);
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ what, port, variable }) => `Port ${port} (${what}) is in use: set ${variable} to another.`,
  );
  const hint = "Or stop what uses it, or move every port at once: npm start -- --port-base 5000.";
  throw new StackError("port_in_use", [...lines, hint].join("\n"));
}
