import { connect, createServer, type Server, type Socket } from "node:net";

interface LinkState {
  unplugged: boolean;
  frozen: boolean;
}

/** Between one client and one edge: a TCP proxy that can be cut like a cable, or hold every byte like a dead link. */
export class Cable {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs: Set<[Socket, Socket]>;
  readonly #state: LinkState;
  /** Pairs that stay as they are until the cable is closed. */
  readonly #dead = new Set<[Socket, Socket]>();

  private constructor(url: string, server: Server, pairs: Set<[Socket, Socket]>, state: LinkState) {
    this.url = url;
    this.#server = server;
    this.#pairs = pairs;
    this.#state = state;
  }

  static async to(edgeUrl: string): Promise<Cable> {
    const port = Number(new URL(edgeUrl).port);
    const pairs = new Set<[Socket, Socket]>();
    const state: LinkState = { unplugged: false, frozen: false };
    const server = createServer((near) => {
      if (state.unplugged) near.destroy();
      else {
        const pair = join(near, connect(port, "127.0.0.1"), pairs);
        if (state.frozen) for (const socket of pair) socket.pause();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has no TCP port.");
    return new Cable(`http://127.0.0.1:${address.port}`, server, pairs, state);
  }

  /** Ends every connection at both sides. New ones are made as if nothing had been. */
  cut(): void {
    this.#state.frozen = false;
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Cut, and no new connection until `plug`. */
  unplug(): void {
    this.#state.unplugged = true;
    this.cut();
  }

  plug(): void {
    this.#state.unplugged = false;
  }

  /** Neither side hears anything of the other, nor that there is nothing to hear. */
  freeze(): void {
    this.#state.frozen = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** New connections pass. Those that were held are so for ever, and neither end is told: each has to find out. */
  abandon(): void {
    this.#state.frozen = false;
    for (const pair of this.#pairs) this.#dead.add(pair);
    this.#pairs.clear();
  }

  /** What was held goes on its way. */
  thaw(): void {
    this.#state.frozen = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    for (const [near, far] of this.#dead) {
      near.destroy();
      far.destroy();
    }
    await closed;
  }
}

function join(near: Socket, far: Socket, pairs: Set<[Socket, Socket]>): [Socket, Socket] {
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
  return pair;
}

/** Every client's cable to every edge. */
export class Cables {
  readonly #byClient: readonly (readonly Cable[])[];

  private constructor(byClient: readonly (readonly Cable[])[]) {
    this.#byClient = byClient;
  }

  static async lay(clients: number, edgeUrls: readonly string[]): Promise<Cables> {
    const bundles = Array.from({ length: clients }, () => Promise.all(edgeUrls.map((url) => Cable.to(url))));
    return new Cables(await Promise.all(bundles));
  }

  ofClient(index: number): readonly Cable[] {
    return this.#byClient[index] ?? [];
  }

  /** Those of one edge, picked by `pick` (0 ≤ pick < 1). */
  ofAnEdge(pick: number): Cable[] {
    const edges = this.#byClient[0]?.length ?? 0;
    return this.#byClient.flatMap((cables) => cables[Math.floor(pick * edges)] ?? []);
  }

  /** Those of every other client: one of the two in each session. */
  ofSecondTabs(): Cable[] {
    return this.#byClient.flatMap((cables, index) => (index % 2 === 1 ? cables : []));
  }

  async close(): Promise<void> {
    await Promise.all(this.#byClient.flat().map((cable) => cable.close()));
  }
}
