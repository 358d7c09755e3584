import { type Failover, startCluster, startSentinel, type Topology } from "@holdfast/redis-topologies";
import { expect, onTestFinished, test } from "vitest";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { answerTo } from "../kit/model-calls.ts";
import { SdkParticipant } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import { askSession, withTemporal } from "../kit/temporal.ts";

/** A topology, and the end of its node that has the log of `ada`'s session. */
interface Case {
  topology: Topology;
  readonly strike: () => Promise<Failover>;
  /** Subjects whose logs are on other nodes. */
  spared: string[];
}

const CASES = {
  Sentinel: async (): Promise<Case> => {
    const topology = await startSentinel();
    return { topology, strike: () => topology.killPrimary(), spared: [] };
  },
  Cluster: async (): Promise<Case> => {
    const topology = await startCluster({ nodeTimeoutMs: 2_000, requireFullCoverage: false });
    const [slot, otherSlot] = [await topology.slotOf("{acme/ada/s}"), await topology.slotOf("{acme/bob/s}")];
    expect(Math.abs(slot - otherSlot), "not of the same third of the slots").toBeGreaterThan(16_384 / 3);
    return { topology, strike: () => topology.killMaster(slot), spared: ["bob"] };
  },
};

const keyOf = (owner: string) => ({ tenant: "acme", owner, name: "s" });

/** A client of `subject` at one edge, and all it has shown. */
class Witness extends SdkParticipant {
  readonly degraded: boolean[] = [];
  readonly partial: string[] = [];

  constructor({ stack }: Fixture, subject: string, edge: number) {
    const edges = [stack.edgeUrls[edge] ?? ""];
    const [token, clock] = [() => stack.token({ subject }), () => performance.now()];
    super({ name: `${subject} at edge ${edge}`, key: keyOf(subject), agent: "echo", edges, token, clock });
    onTestFinished(() => this.close());
    this.session.subscribe(() => {
      const { degraded, running } = this.session.get();
      if (degraded !== (this.degraded.at(-1) ?? false)) this.degraded.push(degraded);
      if (running !== null && textOf(running) !== this.partial.at(-1)) this.partial.push(textOf(running));
    });
  }

  async turns(count: number): Promise<string[]> {
    await this.until(`${count} turns`, () => this.view().turns.length === count);
    return this.view().turns.map(textOf);
  }

  /** Shows so many characters of the turn under way. */
  shows(length: number): Promise<void> {
    return this.until("half a sentence", () => textOf(this.view().running).length > length);
  }
}

test.each(Object.entries(CASES))(
  "chain-3, snap-4, open-6, %s: the node with the log dies in mid-sentence, and with it what it had acknowledged",
  async (_name, start) => {
    const { topology, spared, strike } = await start();
    onTestFinished(() => topology.stop());
    const fixture = await startFixture({ redisUrl: topology.url });
    onTestFinished(() => fixture.close());
    const [here, there] = [new Witness(fixture, "ada", 0), new Witness(fixture, "ada", 1)];
    const elsewhere = spared.map((subject) => new Witness(fixture, subject, 0));
    for (const one of [here, ...elsewhere]) one.say("before");
    for (const one of [here, there, ...elsewhere]) await one.turns(1);

    const long = "faults:slow=20ms,tokens=250";
    for (const one of [here, ...elsewhere]) one.say(long);
    await Promise.all([here.shows(50), there.shows(50)]);
    await topology.cutReplication();
    // All of this is lost.
    await Promise.all([here.shows(400), there.shows(400)]);
    await strike();
    for (const one of [here, there, ...elsewhere]) await one.turns(2);
    await topology.mend();
    here.say("after");

    const texts = [answerTo("before"), answerTo(long), answerTo("after")];
    for (const one of [here, there]) {
      expect(await one.turns(3)).toEqual(texts);
      expect(one.partial.filter((text) => !texts.some((whole) => whole.startsWith(text)))).toEqual([]);
      await one.until("frames go on", () => !one.isDegraded);
      expect(one.degraded).toContain(true);
    }
    for (const one of elsewhere) expect(one.degraded).toEqual([]);
    const { stack } = fixture;
    const { snapshot } = await withTemporal(stack.temporalAddress, (temporal) => askSession(temporal, keyOf("ada")));
    expect(snapshot.turns.map(textOf)).toEqual(texts);
    expect([here.view().version, there.view().version]).toEqual([snapshot.version, snapshot.version]);
    for (const url of stack.edgeUrls) expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(stack.children().filter(({ restarts }) => restarts > 0)).toEqual([]);
  },
);
