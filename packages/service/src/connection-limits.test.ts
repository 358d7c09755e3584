import { once } from "node:events";
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type ConnectionLimits, CONNECTION_LIMITS, networkOf } from "./connection-limits.ts";
import { createMetrics } from "./metrics.ts";
import { closeServer, listen, operationsApp } from "./operations.ts";

const UPGRADE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/** Returns what connects to a server with these limits, and has said so much. */
async function serve(limits: Partial<ConnectionLimits>, headersTimeoutMs?: number) {
  const app = operationsApp(createMetrics("test"), () => undefined);
  const server: Server = await listen(app, "127.0.0.1", 0, { ...CONNECTION_LIMITS, ...limits }, headersTimeoutMs);
  server.on("upgrade", (_request, socket) => {
    socket.on("end", () => socket.destroy()).resume();
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  });
  onTestFinished(() => closeServer(server));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    visit: async (text = ""): Promise<Socket> => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      onTestFinished(() => void socket.destroy());
      await once(socket, "connect");
      socket.write(text);
      return socket;
    },
  };
}

/** What the server says before it closes the connection. */
async function lastWords(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  return Buffer.concat(parts).toString();
}

test("limit-5: connections that ask for nothing are bounded, those beyond are told 503, and room comes back", async () => {
  let refused = 0;
  const { visit, url } = await serve({ pending: 3, onRefused: () => void refused++ });
  const idle = [await visit(), await visit(), await visit("GET / HT")];
  const beyond = await visit();
  expect(await lastWords(beyond)).toMatch(/^HTTP\/1\.1 503 [\s\S]*Try again shortly\.$/);
  expect(refused).toBe(1);
  expect(idle.map((socket) => socket.destroyed)).toEqual([false, false, false]);
  const gone = once(idle[0] ?? beyond, "close");
  idle[0]?.destroy();
  await gone;
  await expect.poll(async () => (await fetch(`${url}/healthz`)).status).toBe(200);
});

test("limit-5: what was upgraded makes room for others, and counts for its address", async () => {
  const { visit } = await serve({ pending: 1, perAddress: 3 });
  for (let socket = 0; socket < 3; socket++) {
    const [answer] = await once(await visit(UPGRADE), "data");
    expect(String(answer)).toContain("101");
  }
  expect(await lastWords(await visit(UPGRADE))).toContain("503");
});

test("limit-5: an address that stands for many is bounded by the whole alone", async () => {
  const { visit, url } = await serve({ perAddress: 1, pendingPerAddress: 1, isExempt: (at) => at === "127.0.0.1" });
  await visit();
  await visit();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test("limit-5: a client that never comes to the end of its headers, or says nothing at all, is let go of", async () => {
  const { visit } = await serve({}, 100);
  const clients = [await visit("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "), await visit()];
  const words = await Promise.all(clients.map(lastWords));
  expect(words[0]).toContain("408");
});

test("limit-5: headers beyond all measure are refused, and the server lives", async () => {
  const { visit, url } = await serve({});
  const large = await visit(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(100_000)}\r\n\r\n`);
  expect(await lastWords(large)).toMatch(/431|^$/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test("of IPv6 a /64 is one address", () => {
  expect(networkOf("192.0.2.7")).toBe("192.0.2.7");
  expect(networkOf("::ffff:192.0.2.7")).toBe("192.0.2.7");
  expect(networkOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:0db8:1:2::6")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:db8::1")).toBe("2001:db8:0:0::/64");
  expect(networkOf("::1")).toBe("0:0:0:0::/64");
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
});
