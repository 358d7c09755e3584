import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { freePort, isPortFree, requireFreePorts } from "./ports.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function occupy(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
}

test("a free port is free, and given out once", async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));
  expect(new Set(ports).size).toBe(50);
  for (const port of ports) expect(await isPortFree(port)).toBe(true);
});

test("every port in use is named, with the variable that moves it", async () => {
  const [web, edge, valkey] = [await freePort(), await freePort(), await freePort()];
  await occupy(web);
  await occupy(valkey);
  const failure = requireFreePorts([
    { what: "web app", port: web, variable: "HOLDFAST_WEB_PORT" },
    { what: "edge-1", port: edge, variable: "HOLDFAST_EDGE_PORT" },
    { what: "Valkey", port: valkey, variable: "HOLDFAST_VALKEY_PORT" },
  ]);
  await expect(failure).rejects.toMatchObject({ code: "port_in_use" });
  await expect(failure).rejects.toThrow(new RegExp(`${web}.*HOLDFAST_WEB_PORT.*\n.*${valkey}.*HOLDFAST_VALKEY_PORT`));
  await expect(failure).rejects.not.toThrow(/HOLDFAST_EDGE_PORT/);
});
