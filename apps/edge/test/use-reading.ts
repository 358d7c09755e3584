import type { SessionKey } from "@holdfast/contract";
import type { SessionLog } from "@holdfast/session-log";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Edge } from "../src/edge.ts";
import { Scribe } from "./scribe.ts";
import { Stage } from "./stage.ts";
import { Visitor } from "./visitor.ts";

interface Parts {
  stage: Stage;
  edge: Edge;
  log: SessionLog;
}

let subjects = 0;

/** One edge, the workflows' worker and the session log, for a file's tests of what readers get. */
export class Reading {
  #parts: Parts | undefined;
  readonly #visitors: Visitor[] = [];

  async start(settings: Record<string, string>): Promise<void> {
    const stage = await Stage.start();
    const [edge] = await Promise.all([stage.startEdge(settings), stage.startWorker()]);
    this.#parts = { stage, edge, log: await stage.openLog() };
  }

  get edge(): Edge {
    return this.#get().edge;
  }

  get stage(): Stage {
    return this.#get().stage;
  }

  /** Of a session nobody else uses. */
  newKey(): SessionKey {
    return { tenant: "acme", owner: `reader-${++subjects}`, name: "s" };
  }

  scribe(key: SessionKey): Scribe {
    const { stage, log } = this.#get();
    return new Scribe(stage, log, key);
  }

  /** Leaves when the test is over. */
  async visit(
    { owner }: Pick<SessionKey, "owner">,
    options: Parameters<typeof Visitor.connect>[2] = {},
    of = this.edge,
  ): Promise<Visitor> {
    const visitor = await Visitor.connect(of.url, owner, options);
    this.#visitors.push(visitor);
    return visitor;
  }

  /** A session nobody has sent anything to yet, which its owner has open. */
  async opened(): Promise<{ key: SessionKey; scribe: Scribe; visitor: Visitor }> {
    const key = this.newKey();
    const scribe = this.scribe(key);
    const visitor = await this.visit(key);
    await visitor.open("s");
    return { key, scribe, visitor };
  }

  /** A session with one turn in its log, and its owner, who has read it. */
  async firstTurnRead(): Promise<{ key: SessionKey; scribe: Scribe; visitor: Visitor }> {
    const session = await this.opened();
    const { scribe, visitor } = session;
    await scribe.turn("one");
    await visitor.until(() => visitor.of("s").view.version === 2);
    return session;
  }

  async metric(name: string, of = this.edge): Promise<number> {
    const text = await (await fetch(`${of.url}/metrics`)).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(name));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  leave(): void {
    for (const visitor of this.#visitors.splice(0)) visitor.leave();
  }

  async stop(): Promise<void> {
    await this.#parts?.stage.stop();
  }

  #get(): Parts {
    if (this.#parts === undefined) throw new Error("the stage is not up yet");
    return this.#parts;
  }
}

/** Started before the tests of a file, stopped after them. */
export function useReading(settings: Record<string, string> = {}): Reading {
  const reading = new Reading();
  beforeAll(() => reading.start(settings));
  afterEach(() => reading.leave());
  afterAll(() => reading.stop());
  return reading;
}
