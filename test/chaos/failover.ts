import { setTimeout as sleep } from "node:timers/promises";
import { startCluster, startSentinel, type Topology } from "@holdfast/redis-topologies";

/** Replicas that were cut off for longer may not be elected. */
const LONGEST_CUT_MS = 2_000;
const SLOTS = 16_384;

/** A Redis that replaces what fails. Both strikes resolve when every node is back in its place; they wait for each other. */
export interface Failover {
  readonly url: string;
  /** Kills what holds the data, after a while in which it acknowledged what its replicas never heard of. */
  killWithLoss(holdMs: number, pick: number): Promise<void>;
  /** Stops it without a word; replaced, it wakes after `holdMs` and believes nothing has happened. */
  hang(holdMs: number, pick: number): Promise<void>;
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
  return failoverOf(
    topology,
    (pick) => topology.killMaster(Math.floor(pick * SLOTS)),
    (pick) => topology.hangMaster(Math.floor(pick * SLOTS)),
  );
}

type Act = (pick: number) => Promise<unknown>;

function failoverOf(topology: Topology, kill: Act, hang: Act): Failover {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const done = turn.then(act);
    turn = done.catch(() => undefined);
    return done;
  };
  return {
    url: topology.url,
    killWithLoss: (holdMs, pick) =>
      inTurn(async () => {
        await topology.cutReplication();
        await sleep(Math.min(holdMs, LONGEST_CUT_MS));
        await kill(pick);
        await topology.mend();
      }),
    hang: (holdMs, pick) =>
      inTurn(async () => {
        await hang(pick);
        await sleep(holdMs);
        topology.wake();
        await sleep(holdMs);
        await topology.mend();
      }),
    stop: () => topology.stop(),
  };
}
