import { setTimeout as sleep } from "node:timers/promises";
import { isMidStream } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import type { Attack, Blow, Targets } from "../kit/run.ts";
import { until } from "../kit/wait.ts";
import type { ProductionFixture } from "./production-fixture.ts";

/** What is done to the servers while turns are under way. `struck` is to be called at every blow. */
export interface Outage {
  readonly name: string;
  readonly what: string;
  /** Milliseconds something is away; of several blows each. */
  readonly holdMs: number;
  /** How the model answers those who are struck; others come to be said when all is over, and are short. */
  readonly script: string;
  readonly carryOut: (fixture: ProductionFixture, holdMs: number, struck: () => void) => Promise<void>;
}

/** A second or so: said to its end while the database is away, so that only its commit is late. */
const SHORT = "distinct,tokens=80,slow=20ms";
/** Some forty seconds: it goes on being said, and read, while the database is away. */
const LONG = "distinct,tokens=800,slow=50ms";
const RESTARTS = 5;
/** Milliseconds between two restarts: some turns are on their way again. */
const BETWEEN_MS = 2_000;

export const OUTAGES: readonly Outage[] = [
  {
    name: "postgres-stop-20s",
    what: "PostgreSQL is stopped at once and comes back after 20 s",
    holdMs: 20_000,
    script: SHORT,
    carryOut: stopped,
  },
  {
    name: "postgres-stop-20s-long-answers",
    what: "the same, while answers stream that take longer than that",
    holdMs: 20_000,
    script: LONG,
    carryOut: stopped,
  },
  {
    name: "postgres-stop-140s",
    what: "it comes back when every turn's deadline has passed",
    holdMs: 140_000,
    script: SHORT,
    carryOut: stopped,
  },
  {
    name: "postgres-kill",
    what: "its main process is killed, and started again as soon as it can be",
    holdMs: 0,
    script: SHORT,
    carryOut: async ({ postgres }, _, struck) => {
      struck();
      await postgres.stop("kill");
      await postgres.start();
    },
  },
  {
    name: "postgres-restarts",
    what: `it is restarted ${RESTARTS} times in a row`,
    holdMs: 0,
    script: SHORT,
    carryOut: async ({ postgres }, _, struck) => {
      for (let round = 0; round < RESTARTS; round++) {
        struck();
        await postgres.stop("fast");
        await postgres.start();
        await sleep(BETWEEN_MS);
      }
    },
  },
  {
    name: "postgres-pause-30s",
    what: "every process of it is stopped where it is (SIGSTOP) for 30 s",
    holdMs: 30_000,
    script: SHORT,
    carryOut: async ({ postgres }, holdMs, struck) => {
      struck();
      await postgres.pause();
      await sleep(holdMs);
      await postgres.resume();
    },
  },
  {
    name: "temporal-kill",
    what: "the Temporal server is killed, and started again by whoever watches it",
    holdMs: 0,
    script: SHORT,
    carryOut: async ({ temporal }, _, struck) => {
      struck();
      await temporal.kill();
    },
  },
];

async function stopped({ postgres }: ProductionFixture, holdMs: number, struck: () => void): Promise<void> {
  struck();
  await postgres.stop("immediate");
  await sleep(holdMs);
  await postgres.start();
}

/** A bound on a hang: answers are under way within so many milliseconds. */
const STREAM_MS = 60_000;
/** A bound on a hang: everything is up again so long after the end of an outage. */
const BACK_MS = 180_000;
/** Milliseconds for which clients talk on when all is back: what they say then has to be answered too. */
const TALK_ON_MS = 5_000;

/** The outage as a run's attack: it begins in mid-turn, when half of the clients have read a part of an answer. */
export function attackOf(fixture: ProductionFixture, { name, script, holdMs, carryOut }: Outage): Attack {
  const strike = async ({ participants }: Targets, clock: () => number): Promise<Blow[]> => {
    fixture.model.setDefault(script);
    await untilHalfRead(participants);
    const blows: Blow[] = [];
    await carryOut(fixture, holdMs, () => {
      fixture.model.setDefault(SHORT);
      blows.push({ fault: name, holdMs, struckAtMs: clock(), midStream: isMidStream(participants) });
    });
    await fixture.temporal.whenReady();
    await sleep(TALK_ON_MS);
    return blows;
  };
  return { strike, withinMs: STREAM_MS + holdMs + BACK_MS };
}

async function untilHalfRead(participants: Targets["participants"]): Promise<void> {
  const reading = (): number => participants.filter((each) => textOf(each.view().running) !== "").length;
  await until("answers are under way", () => reading() >= participants.length / 2, STREAM_MS, 10);
}
