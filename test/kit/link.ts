import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

type Pair = readonly [near: Socket, far: Socket];

/** A TCP proxy, between a client and an edge for one, that can be cut like a cable, or hold every byte like a dead link. */
export class Link {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Pairs that stay as they are until the link is closed. */
  readonly #dead = new Set<Pair>();
  #isUnplugged = false;
  #isFrozen = false;

  private constructor(url: string, server: Server, port: number) {
    this.url = url;
    this.#server = server.on("connection", (near) => {
      if (this.#isUnplugged) near.destroy();
      else this.#join([near, connect(port, "127.0.0.1")]);
    });
  }

  /** `url`: where it leads; only its port counts. */
  static async to(url: string): Promise<Link> {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has no TCP port.");
    return new Link(`http://127.0.0.1:${address.port}`, server, Number(new URL(url).port));
  }

  /** Ends every connection at both sides. New ones are made as if nothing had been. */
  cut(): void {
    this.#isFrozen = false;
    for (const socket of [...this.#pairs].flat()) socket.destroy();
  }

  /** Cut, and no new connection until `plug`. */
  unplug(): void {
    this.#isUnplugged = true;
    this.cut();
  }

  plug(): void {
    this.#isUnplugged = false;
  }

  /** Neither side hears anything of the other, nor that there is nothing to hear. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of [...this.#pairs].flat()) socket.pause();
  }

  /** New connections pass. Those that were held are so for ever, and neither end is told: each has to find out. */
  abandon(): void {
    this.#isFrozen = false;
    for (const pair of this.#pairs) this.#dead.add(pair);
    this.#pairs.clear();
  }

  /** What was held goes on its way. */
  thaw(): void {
    this.#isFrozen = false;
    for (const socket of [...this.#pairs].flat()) socket.resume();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    for (const socket of [...this.#dead].flat()) socket.destroy();
    await closed;
  }

  #join(pair: Pair): void {
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    const [near, far] = pair;
    for (const [from, to] of [pair, [far, near] as const]) {
      from
        .on("data", (bytes) => void to.write(bytes))
        .on("error", end)
        .on("close", end);
      if (this.#isFrozen) from.pause();
    }
  }
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
    return this.#byClient.flatMap((links) => links[Math.floor(pick * links.length)] ?? []);
  }

  /** Those of every other client: one of the two in each session. */
  ofSecondTabs(): Link[] {
    return this.#byClient.flatMap((links, index) => (index % 2 === 1 ? links : []));
  }

  async close(): Promise<void> {
    await Promise.all(this.#byClient.flat().map((link) => link.close()));
  }
}
