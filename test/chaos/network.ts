import { connect, createServer, type Server, type Socket } from "node:net";

/** Between clients and one edge: a TCP proxy that can be cut like a cable, or hold every byte like a dead link. */
export class Network {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs: Set<[Socket, Socket]>;

  private constructor(url: string, server: Server, pairs: Set<[Socket, Socket]>) {
    this.url = url;
    this.#server = server;
    this.#pairs = pairs;
  }

  static async before(edgeUrl: string): Promise<Network> {
    const port = Number(new URL(edgeUrl).port);
    const pairs = new Set<[Socket, Socket]>();
    const server = createServer((near) => join(near, connect(port, "127.0.0.1"), pairs));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has no TCP port.");
    return new Network(`http://127.0.0.1:${address.port}`, server, pairs);
  }

  /** Ends every connection at both sides. New ones are made as before. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Neither side hears anything of the other, nor that there is nothing to hear, until `thaw` cuts what is half open. */
  freeze(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  thaw(): void {
    this.cut();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }
}

function join(near: Socket, far: Socket, pairs: Set<[Socket, Socket]>): void {
  const pair: [Socket, Socket] = [near, far];
  pairs.add(pair);
  const end = (): void => {
    pairs.delete(pair);
    near.destroy();
    far.destroy();
  };
  near
    .on("data", (bytes) => void far.write(bytes))
    .on("error", end)
    .on("close", end);
  far
    .on("data", (bytes) => void near.write(bytes))
    .on("error", end)
    .on("close", end);
}
