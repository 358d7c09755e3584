import type { SessionKey } from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Edge } from "../src/edge.ts";
import { LogWriter } from "@holdfast/test/kit/log-writer";
import { Fixture } from "./fixture.ts";
import { TestClient } from "./client.ts";

interface Parts {
  fixture: Fixture;
  edge: Edge;
  log: SessionLog;
}

let subjects = 0;

/** One edge, the workflows' worker and the session log, for a file's tests of what readers get. */
export class ReadingFixture {
  #parts: Parts | undefined;
  readonly #clients: TestClient[] = [];

  async start(settings: Record<string, string>): Promise<void> {
    const fixture = await Fixture.start();
    const [edge] = await Promise.all([fixture.startEdge(settings), fixture.startWorker()]);
    this.#parts = { fixture, edge, log: await fixture.openLog() };
  }

  get edge(): Edge {
    return this.#get().edge;
  }

  get fixture(): Fixture {
    return this.#get().fixture;
  }

  /** Of a session nobody else uses. */
  newKey(): SessionKey {
    return { tenant: "acme", owner: `reader-${++subjects}`, name: "s" };
  }

  writer(key: SessionKey): LogWriter {
    return new LogWriter(this.#get().log, key);
  }

  /** Leaves when the test is over. */
  async connect(
    { owner }: Pick<SessionKey, "owner">,
    options: Parameters<typeof TestClient.connect>[2] = {},
    of = this.edge,
  ): Promise<TestClient> {
    const client = await TestClient.connect(of.url, owner, options);
    this.#clients.push(client);
    return client;
  }

  /** A session nobody has sent anything to yet, which its owner has open. */
  async opened(): Promise<{ key: SessionKey; writer: LogWriter; client: TestClient }> {
    const key = this.newKey();
    const writer = this.writer(key);
    const client = await this.connect(key);
    await client.open("s");
    return { key, writer, client };
  }

  /** A session with one turn in its log, and its owner, who has read it. */
  async firstTurnRead(): Promise<{ key: SessionKey; writer: LogWriter; client: TestClient }> {
    const session = await this.opened();
    const { writer, client } = session;
    await writer.turn("one");
    await client.until(() => client.of("s").view.version === 2);
    return session;
  }

  async metric(name: string, of = this.edge): Promise<number> {
    const text = await (await fetch(`${of.url}/metrics`)).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(name));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  leave(): void {
    for (const client of this.#clients.splice(0)) client.leave();
  }

  async stop(): Promise<void> {
    await this.#parts?.fixture.stop();
  }

  #get(): Parts {
    if (this.#parts === undefined) throw new Error("the fixture is not up yet");
    return this.#parts;
  }
}

/** Started before the tests of a file, stopped after them. */
export function useReading(settings: Record<string, string> = {}): ReadingFixture {
  const reading = new ReadingFixture();
  beforeAll(() => reading.start(settings));
  afterEach(() => reading.leave());
  afterAll(() => reading.stop());
  return reading;
}
