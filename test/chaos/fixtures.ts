import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { startCluster, startPair, startSentinel, type Topology } from "@holdfast/redis-topologies";
import { type Patch, patchedTree } from "../builds/patched-tree.ts";
import { type Fixture, startFixture, withUndo } from "../kit/fixture.ts";
import { SMALL_BOUNDS, WRONG_CLOCK_ENV, WRONG_CLOCKS } from "./builds.ts";
import type { Aim, FixtureKind } from "./faults.ts";

/** How the model answers while nothing befalls it: slowly enough to be struck in mid-sentence, and never twice the same. */
export const CALM = "distinct,tokens=30,slow=12ms";

/**
 * Pings often enough that an edge and its clients can find out within a strike that nobody is there. With the pings a stack
 * ships with, a link that is dead for seconds is noticed by nobody.
 */
const SHORT_PINGS = { HOLDFAST_PING_INTERVAL_MS: "1000", HOLDFAST_PING_TIMEOUT_MS: "2000" };

/** A whole Holdfast for several runs, one after the other, each with sessions of its own. */
export interface ChaosFixture extends Fixture {
  /** The Redis that fails over, where one does. */
  readonly failover: Failover | undefined;
}

export function openFixture(kind: FixtureKind): Promise<ChaosFixture> {
  return withUndo(async (undo) => {
    const patches = TREES[kind];
    const tree = patches && (await patchedTree(patches));
    undo(() => tree?.remove());
    const failover = await FAILOVERS[kind]?.();
    undo(() => failover?.stop());
    const fixture = await startFixture({
      script: CALM,
      persist: true,
      edges: 2,
      inference: 2,
      source: () => tree?.root,
      redisUrl: failover?.url,
      env: { edge: SHORT_PINGS, ...(kind === "wrong-clocks" && WRONG_CLOCK_ENV) },
    });
    undo(() => fixture.close());
    return { ...fixture, failover };
  });
}

const TREES: Partial<Record<FixtureKind, readonly Patch[]>> = {
  "small-bounds": SMALL_BOUNDS,
  "wrong-clocks": WRONG_CLOCKS,
};

const FAILOVERS: Partial<Record<FixtureKind, () => Promise<Failover>>> = {
  switched: switchedPair,
  sentinel: async () => {
    const sentinel = await startSentinel();
    return failoverBy(sentinel, {
      kill: () => sentinel.killPrimary(),
      hang: () => sentinel.hangPrimary(),
    });
  },
  cluster: async () => {
    const cluster = await startCluster();
    // A session's keys have its path as their hash tag.
    const slotOf = (key: SessionKey): Promise<number> => cluster.slotOf(`{${sessionPath(key)}}`);
    return failoverBy(cluster, {
      kill: async (session) => cluster.killMaster(await slotOf(session)),
      hang: async (session) => cluster.hangMaster(await slotOf(session)),
    });
  },
};

interface FailoverAim extends Aim {
  /** Whose log is on the node that is struck, where there are several. */
  session: SessionKey;
}

/** A Redis of several servers, and what can be done to it. Strikes resolve when every node is back in its place; they wait for each other. */
export interface Failover {
  readonly url: string;
  /** Kills what holds the data, after a while in which it acknowledged what its replicas never heard of. */
  killWithLoss?(aim: FailoverAim): Promise<void>;
  /** Stops it without a word; replaced, it wakes after `holdMs` and believes nothing has happened. */
  hang?(aim: FailoverAim): Promise<void>;
  /** Makes the primary a replica under its clients' connections; `pick` says for how long, and who is the primary then. */
  changeRole?(aim: Aim): Promise<void>;
  stop(): Promise<void>;
}

/** Replicas that were cut off for longer may not be elected. */
const LONGEST_CUT_MS = 2_000;

async function switchedPair(): Promise<Failover> {
  const pair = await startPair();
  const inTurn = takingTurns();
  return {
    url: pair.url,
    changeRole: ({ holdMs, pick, onBlow }) =>
      inTurn(async () => {
        onBlow();
        if (pick < 1 / 3) await pair.demoteAndBack(holdMs);
        else await pair.switchOver({ holdMs, cutsConnections: pick < 1 / 2, isForsaken: pick > 3 / 4 });
        await pair.mend();
      }),
    stop: () => pair.stop(),
  };
}

type Act = (session: SessionKey) => Promise<unknown>;

function failoverBy(topology: Topology, { kill, hang }: { kill: Act; hang: Act }): Failover {
  const inTurn = takingTurns();
  return {
    url: topology.url,
    killWithLoss: ({ holdMs, session, onBlow }) =>
      inTurn(async () => {
        await topology.cutReplication();
        await sleep(Math.min(holdMs, LONGEST_CUT_MS));
        onBlow();
        await kill(session);
        await topology.mend();
      }),
    hang: ({ holdMs, session, onBlow }) =>
      inTurn(async () => {
        onBlow();
        await hang(session);
        await sleep(holdMs);
        topology.wake();
        await sleep(holdMs);
        await topology.mend();
      }),
    stop: () => topology.stop(),
  };
}

/** One strike after the other, whatever becomes of each. */
function takingTurns(): (act: () => Promise<void>) => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  return (act) => {
    const done = turn.then(act);
    turn = done.catch(() => undefined);
    return done;
  };
}
