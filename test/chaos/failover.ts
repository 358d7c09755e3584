import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { startCluster, startSentinel, type Topology } from "@holdfast/redis-topologies";

/** Replicas that were cut off for longer may not be elected. */
const LONGEST_CUT_MS = 2_000;

export interface FailoverPlan {
  holdMs: number;
  /** Whose log is on the node that is struck, where there are several. */
  session: SessionKey;
  /** Called when the blow falls. */
  onBlow: () => void;
}

/** A Redis that replaces what fails. Both strikes resolve when every node is back in its place; they wait for each other. */
export interface Failover {
  readonly url: string;
  /** Kills what holds the data, after a while in which it acknowledged what its replicas never heard of. */
  killWithLoss(plan: FailoverPlan): Promise<void>;
  /** Stops it without a word; replaced, it wakes after `holdMs` and believes nothing has happened. */
  hang(plan: FailoverPlan): Promise<void>;
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

type Act = (session: SessionKey) => Promise<unknown>;

function failoverOf(topology: Topology, kill: Act, hang: Act): Failover {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const done = turn.then(act);
    turn = done.catch(() => undefined);
    return done;
  };
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
