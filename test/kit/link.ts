import { connect, createServer, type Server, type Socket } from "node:net";

interface LinkState {
  unplugged: boolean;
  frozen: boolean;
}

type Pair = [near: Socket, far: Socket];

/** A TCP proxy, between a client and an edge for one, that can be cut like a cable, or hold every byte like a dead link. */
export class Link {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs: Set<Pair>;
  readonly #state: LinkState;
  /** Pairs that stay as they are until the link is closed. */
  readonly #dead = new Set<Pair>();

  private constructor(url: string, server: Server, pairs: Set<Pair>, state: LinkState) {
    this.url = url;
    this.#server = server;
    this.#pairs = pairs;
    this.#state = state;
  }

  /** `url`: where it leads; only its port counts. */
  static async to(url: string): Promise<Link> {
    const port = Number(new URL(url).port);
    const pairs = new Set<Pair>();
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
    return new Link(`http://127.0.0.1:${address.port}`, server, pairs, state);
  }

  /** Ends every connection at both sides. New ones are made as if nothing had been. */
  cut(): void {
    this.#state.frozen = false;
    destroy(this.#pairs);
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
    destroy(this.#dead);
    await closed;
  }
}

function destroy(pairs: Iterable<Pair>): void {
  for (const pair of pairs) for (const socket of pair) socket.destroy();
}

function join(near: Socket, far: Socket, pairs: Set<Pair>): Pair {
  const pair: Pair = [near, far];
  pairs.add(pair);
  const end = (): void => {
    pairs.delete(pair);
    destroy([pair]);
  };
  for (const [from, to] of [pair, [far, near] as const]) {
    from
      .on("data", (bytes) => void to.write(bytes))
      .on("error", end)
      .on("close", end);
  }
  return pair;
}

/** Every client's link to every edge. */
export class Links {
  readonly #byClient: readonly (readonly Link[])[];

  private constructor(byClient: readonly (readonly Link[])[]) {
    this.#byClient = byClient;
  }

  static async lay(clients: number, edgeUrls: readonly string[]): Promise<Links> {
    const bundles = Array.from({ length: clients }, () => Promise.all(edgeUrls.map((url) => Link.to(url))));
    return new Links(await Promise.all(bundles));
  }

  ofClient(index: number): readonly Link[] {
    return this.#byClient[index] ?? [];
  }

  /** Those of one edge, picked by `pick` (0 ≤ pick < 1). */
  ofAnEdge(pick: number): Link[] {
    const edges = this.#byClient[0]?.length ?? 0;
    return this.#byClient.flatMap((links) => links[Math.floor(pick * edges)] ?? []);
  }

  /** Those of every other client: one of the two in each session. */
  ofSecondTabs(): Link[] {
    return this.#byClient.flatMap((links, index) => (index % 2 === 1 ? links : []));
  }

  async close(): Promise<void> {
    await Promise.all(this.#byClient.flat().map((link) => link.close()));
  }
}
