import { connect, type SessionView } from "@holdfast/client";
import { workflowIdOf } from "@holdfast/contract";
import { QUERY_SNAPSHOT, type SessionState } from "@holdfast/internal";
import { type Failover, startCluster, startSentinel, type Topology } from "@holdfast/redis-topologies";
import { temporalAt } from "../conformance/temporal.ts";
import { expect, onTestFinished, test } from "vitest";
import { type Scene, startScene } from "../conformance/stack.ts";
import { answer } from "../conformance/visitors.ts";

/** A topology, and the end of its node that has the log of `ada`'s session. */
interface Stage {
  topology: Topology;
  strike(): Promise<Failover>;
  /** Subjects whose logs are on other nodes. */
  spared: string[];
}

const STAGES = {
  Sentinel: async (): Promise<Stage> => {
    const topology = await startSentinel();
    return { topology, strike: () => topology.killPrimary(), spared: [] };
  },
  Cluster: async (): Promise<Stage> => {
    const topology = await startCluster({ nodeTimeoutMs: 2_000, requireFullCoverage: false });
    const [slot, otherSlot] = [await topology.slotOf("{acme/ada/s}"), await topology.slotOf("{acme/bob/s}")];
    expect(Math.abs(slot - otherSlot), "not of the same third of the slots").toBeGreaterThan(16_384 / 3);
    return { topology, strike: () => topology.killMaster(slot), spared: ["bob"] };
  },
};

/** A client of `subject` at one edge, and all it has shown. */
class Witness {
  readonly degraded: boolean[] = [];
  readonly partial: string[] = [];
  readonly #session;

  constructor(scene: Scene, subject: string, edge: number) {
    const url = scene.stack.edgeUrls[edge] ?? "";
    const client = connect({ url, token: () => scene.stack.token({ subject }) });
    onTestFinished(() => client.close());
    this.#session = client.session("s", { agent: "echo" });
    this.#session.subscribe(() => {
      const { degraded, streaming } = this.view;
      if (degraded !== (this.degraded.at(-1) ?? false)) this.degraded.push(degraded);
      if (streaming !== null && streaming.text !== this.partial.at(-1)) this.partial.push(streaming.text);
    });
  }

  get view(): SessionView {
    return this.#session.get();
  }

  send(text: string): void {
    this.#session.send(text);
  }

  async turns(count: number): Promise<string[]> {
    await this.#until(() => this.view.turns.length === count);
    return this.view.turns.map(({ text }) => text);
  }

  /** Shows so many characters of the turn under way. */
  shows(length: number): Promise<void> {
    return this.#until(() => (this.view.streaming?.text.length ?? 0) > length);
  }

  calm(): Promise<void> {
    return this.#until(() => !this.view.degraded);
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!done()) return;
        leave();
        resolve();
      };
      const leave = this.#session.subscribe(look);
      look();
    });
  }
}

async function truthOf(scene: Scene, owner: string): Promise<SessionState> {
  const temporal = temporalAt(scene.stack.temporalAddress);
  try {
    const workflow = temporal.workflow.getHandle(workflowIdOf({ tenant: "acme", owner, name: "s" }));
    return await workflow.query<SessionState>(QUERY_SNAPSHOT);
  } finally {
    await temporal.connection.close();
  }
}

test.each(Object.entries(STAGES))(
  "chain-3, snap-4, open-6, %s: the node with the log dies in mid-sentence, and with it what it had acknowledged",
  async (_name, start) => {
    const stage = await start();
    const { topology, spared } = stage;
    onTestFinished(() => topology.stop());
    const scene = await startScene({ redisUrl: topology.url });
    onTestFinished(() => scene.stop());
    const [here, there] = [new Witness(scene, "ada", 0), new Witness(scene, "ada", 1)];
    const elsewhere = spared.map((subject) => new Witness(scene, subject, 0));
    for (const one of [here, ...elsewhere]) one.send("before");
    for (const one of [here, there, ...elsewhere]) await one.turns(1);

    const long = "faults:slow=20ms,tokens=250";
    for (const one of [here, ...elsewhere]) one.send(long);
    await Promise.all([here.shows(50), there.shows(50)]);
    await topology.cutReplication();
    // All of this is lost.
    await Promise.all([here.shows(400), there.shows(400)]);
    await stage.strike();
    for (const one of [here, there, ...elsewhere]) await one.turns(2);
    await topology.mend();
    here.send("after");

    const texts = [answer("before"), answer(long, "tokens=250"), answer("after")];
    for (const one of [here, there]) {
      expect(await one.turns(3)).toEqual(texts);
      expect(one.partial.filter((text) => !texts.some((whole) => whole.startsWith(text)))).toEqual([]);
      await one.calm();
      expect(one.degraded).toContain(true);
    }
    for (const one of elsewhere) expect(one.degraded).toEqual([]);
    const { snapshot } = await truthOf(scene, "ada");
    expect(snapshot.turns.map(({ text }) => text)).toEqual(texts);
    expect([here.view.version, there.view.version]).toEqual([snapshot.version, snapshot.version]);
    for (const url of scene.stack.edgeUrls) expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(scene.stack.children().filter(({ restarts }) => restarts > 0)).toEqual([]);
  },
);
