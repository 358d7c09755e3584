import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { createUpgradeLimiter, type UpgradeLimiterDeps, SOCKET_PATH } from "./upgrade-limiter.ts";

const CLIENTS = 200;

/** A server that has only the limiter. Returns what asks it for an upgrade, and resolves when the request is on its way. */
async function openServer(deps: Partial<UpgradeLimiterDeps>): Promise<() => Promise<Socket>> {
  const limiter = createUpgradeLimiter(
    { HOLDFAST_UPGRADES_PER_SECOND: 1_000 },
    {
      connections: () => 0,
      maxConnections: 1_000,
      isDraining: () => false,
      accept: () => {},
      onRefused: () => {},
      ...deps,
    },
  );
  const server = createServer();
  server.on("upgrade", limiter);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return async () => {
    const client = connect(port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    client.on("error", () => {});
    await once(client, "connect");
    client.write(`GET ${SOCKET_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    return client;
  };
}

test("connect-6: however many come at once, the node's own work gets its turn in between", async () => {
  const turns: number[] = [];
  let turn = 0;
  let isCounting = true;
  const upgrade = await openServer({
    accept: () => {
      turns[turn] = (turns[turn] ?? 0) + 1;
    },
  });
  const count = (): void => {
    turn++;
    if (isCounting) setImmediate(count);
  };
  count();
  await Promise.all(Array.from({ length: CLIENTS }, upgrade));
  const accepted = (): number => turns.reduce((sum, upgrades) => sum + upgrades, 0);
  await vi.waitFor(() => expect(accepted()).toBe(CLIENTS), { timeout: 20_000 });
  isCounting = false;
  expect(Math.max(...turns.filter((upgrades) => upgrades > 0))).toBeLessThanOrEqual(8);
});

test("limit-2: who waits for his turn counts as a connection", async () => {
  const accepted: Duplex[] = [];
  const refused: number[] = [];
  const upgrade = await openServer({
    maxConnections: 100,
    connections: () => accepted.length,
    accept: (_request, socket) => accepted.push(socket),
    onRefused: (status) => refused.push(status),
  });
  await Promise.all(Array.from({ length: CLIENTS }, upgrade));
  await vi.waitFor(() => expect(accepted.length + refused.length).toBe(CLIENTS), { timeout: 20_000 });
  expect(accepted).toHaveLength(100);
  expect(new Set(refused)).toEqual(new Set([503]));
  for (const socket of accepted) socket.destroy();
});

test("who goes away while he waits does no harm", async () => {
  const accepted: Duplex[] = [];
  const upgrade = await openServer({
    accept: (_request, socket) => {
      // As whoever takes it over does.
      socket.on("error", () => {});
      accepted.push(socket);
    },
  });
  await Promise.all(Array.from({ length: CLIENTS }, async () => (await upgrade()).resetAndDestroy()));
  const before = accepted.length;
  await upgrade();
  await vi.waitFor(() => expect(accepted.length).toBeGreaterThan(before), { timeout: 20_000 });
});
