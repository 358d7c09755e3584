import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  url: string;
  /** Ends every connection. */
  cut(): void;
  /** From now on, ends the next `times` connections on which a client sends `word`, which the server does not get to see. */
  cutAt(word: string, times: number): void;
  /** How many of those are still to come. */
  cutsLeft(): number;
  stop(): void;
}

/** Stands between a client and a server, and breaks the connection at the most awkward moment. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let awkward = { word: "", times: 0 };
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    open.add(client);
    client.on("data", (data) => {
      if (awkward.times > 0 && data.includes(awkward.word)) {
        awkward.times--;
        client.destroy();
      } else server.write(data);
    });
    server.on("data", (data) => client.write(data));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
    client.on("close", () => open.delete(client));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    cutAt: (word, times) => {
      awkward = { word, times };
    },
    cutsLeft: () => awkward.times,
    stop: () => {
      proxy.close();
      for (const socket of open) socket.destroy();
    },
  };
}
