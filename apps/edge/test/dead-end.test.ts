import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { OPERATOR_TOKEN, Fixture } from "./fixture.ts";
import { TestClient } from "./client.ts";

/** Stands between an edge and Redis. `strand`: the connections there are lead nowhere, and nobody is told. */
async function startProxy(port: number) {
  const open = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port.");
  onTestFinished(() => {
    proxy.close();
    for (const socket of open) socket.destroy();
  });
  const strand = (): void => {
    for (const socket of open) {
      socket.unpipe();
      socket.resume();
    }
  };
  return { url: `redis://127.0.0.1:${address.port}`, strand };
}

test("an operator's orders reach a node again whose way to Redis led nowhere without a word", async () => {
  const fixture = await Fixture.start();
  onTestFinished(() => fixture.stop());
  const proxy = await startProxy(fixture.valkey.port);
  const [here, there] = await Promise.all([fixture.startEdge(), fixture.startEdge({ HOLDFAST_REDIS_URL: proxy.url })]);
  const client = await TestClient.connect(there.url, "ada");
  onTestFinished(() => client.leave());
  const announceUntilHeard = async (text: string): Promise<void> => {
    while (client.announcements.at(-1)?.text !== text) {
      const response = await fetch(`${here.url}/admin/announce`, {
        method: "POST",
        headers: { authorization: `Bearer ${OPERATOR_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ tenant: "acme", announcement: { text } }),
      });
      expect(response.status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await announceUntilHeard("before");
  proxy.strand();
  await announceUntilHeard("after");
});
