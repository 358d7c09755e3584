import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { startCluster, startPair, startSentinel, type Topology } from "@holdfast/redis-topologies";

/** Replicas that were cut off for longer may not be elected. */
const LONGEST_CUT_MS = 2_000;

export interface FailoverPlan {
  holdMs: number;
  /** Whose log is on the node that is struck, where there are several. */
  session: SessionKey;
  /** Called when the blow falls. */
  onBlow: () => void;
}

/** A Redis of several servers, and what can be done to it. Strikes resolve when every node is back in its place; they wait for each other. */
export interface Failover {
  readonly url: string;
  /** Kills what holds the data, after a while in which it acknowledged what its replicas never heard of. */
  killWithLoss?(plan: FailoverPlan): Promise<void>;
  /** Stops it without a word; replaced, it wakes after `holdMs` and believes nothing has happened. */
  hang?(plan: FailoverPlan): Promise<void>;
  /** Makes the primary a replica under its clients' connections; `pick` says for how long, and who is the primary then. */
  changeRole?(plan: Omit<FailoverPlan, "session"> & { pick: number }): Promise<void>;
  stop(): Promise<void>;
}

export async function startSentinelFailover(): Promise<Failover> {
  const topology = await startSentinel();
  return failoverOf(
    topology,
    () => topology.killPrimary(),
    () => topology.hangPrimary(),
  );
}

export async function startClusterFailover(): Promise<Failover> {
  const topology = await startCluster();
  // A session's keys have its path as their hash tag.
  const slotOf = (key: SessionKey): Promise<number> => topology.slotOf(`{${sessionPath(key)}}`);
  return failoverOf(
    topology,
    async (session) => topology.killMaster(await slotOf(session)),
    async (session) => topology.hangMaster(await slotOf(session)),
  );
}

export async function startPairSwitch(): Promise<Failover> {
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

/** One strike after the other, whatever becomes of each. */
function takingTurns(): (act: () => Promise<void>) => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  return (act) => {
    const done = turn.then(act);
    turn = done.catch(() => undefined);
    return done;
  };
}

type Act = (session: SessionKey) => Promise<unknown>;

function failoverOf(topology: Topology, kill: Act, hang: Act): Failover {
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
