import { setTimeout as sleep } from "node:timers/promises";
import { isMidStream } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import type { Attack, Blow } from "../kit/run.ts";
import { until } from "../kit/wait.ts";
import type { ProductionFixture } from "./production-fixture.ts";

/** What is done to the servers while turns are under way. */
export interface Outage {
  readonly name: string;
  readonly what: string;
  /** Milliseconds something is away; of several blows each. None unless told. */
  readonly holdMs?: number;
  /** How the model answers those who are struck; others come to be said when all is over, and are short. */
  readonly script?: string;
  /** Once unless told. */
  readonly blows?: number;
  readonly strike: (fixture: ProductionFixture, holdMs: number) => Promise<void>;
}

/** A second or so: said to its end while the database is away, so that only its commit is late. */
const SHORT = "distinct,tokens=80,slow=20ms";
/** Some forty seconds: it goes on being said, and read, while the database is away. */
const LONG = "distinct,tokens=800,slow=50ms";
const RESTARTS = 5;
/** Milliseconds between two restarts: some turns are on their way again. */
const BETWEEN_MS = 2_000;

async function stopFor({ postgres }: ProductionFixture, holdMs: number): Promise<void> {
  await postgres.stop("immediate");
  await sleep(holdMs);
  await postgres.start();
}

export const OUTAGES: readonly Outage[] = [
  {
    name: "postgres-stop-20s",
    what: "PostgreSQL is stopped at once and comes back after 20 s",
    holdMs: 20_000,
    strike: stopFor,
  },
  {
    name: "postgres-stop-20s-long-answers",
    what: "the same, while answers stream that take longer than that",
    holdMs: 20_000,
    script: LONG,
    strike: stopFor,
  },
  {
    name: "postgres-stop-140s",
    what: "it comes back when every turn's deadline has passed",
    holdMs: 140_000,
    strike: stopFor,
  },
  {
    name: "postgres-kill",
    what: "its main process is killed, and started again as soon as it can be",
    strike: async ({ postgres }) => {
      await postgres.stop("kill");
      await postgres.start();
    },
  },
  {
    name: "postgres-restarts",
    what: `it is restarted ${RESTARTS} times in a row`,
    blows: RESTARTS,
    strike: async ({ postgres }) => {
      await postgres.stop("fast");
      await postgres.start();
      await sleep(BETWEEN_MS);
    },
  },
  {
    name: "postgres-pause-30s",
    what: "every process of it is stopped where it is (SIGSTOP) for 30 s",
    holdMs: 30_000,
    strike: async ({ postgres }, holdMs) => {
      await postgres.pause();
      await sleep(holdMs);
      await postgres.resume();
    },
  },
  {
    name: "temporal-kill",
    what: "the Temporal server is killed, and started again by whoever watches it",
    strike: async ({ temporal }) => {
      const gone = temporal.gone();
      temporal.kill("SIGKILL");
      await gone;
    },
  },
];

/** A bound on a hang: answers are under way within so many milliseconds. */
const STREAM_MS = 60_000;
/** A bound on a hang: everything is up again so long after the end of an outage. */
const BACK_MS = 180_000;
/** Milliseconds for which clients talk on when all is back: what they say then has to be answered too. */
const TALK_ON_MS = 5_000;

/** The outage as a run's attack: it begins in mid-turn, when half of the clients have read a part of an answer. */
export function attackOf(fixture: ProductionFixture, outage: Outage): Attack {
  const { name, holdMs = 0, script = SHORT, blows: times = 1, strike } = outage;
  return {
    withinMs: STREAM_MS + holdMs + BACK_MS,
    strike: async ({ participants }, clock) => {
      fixture.model.setDefault(script);
      const reading = (): number => participants.filter((each) => textOf(each.view().running) !== "").length;
      await until("answers are under way", () => reading() >= participants.length / 2, STREAM_MS, 10);
      fixture.model.setDefault(SHORT);
      const blows: Blow[] = [];
      while (blows.length < times) {
        blows.push({ fault: name, holdMs, struckAtMs: clock(), midStream: isMidStream(participants) });
        await strike(fixture, holdMs);
      }
      await fixture.temporal.whenReady();
      await sleep(TALK_ON_MS);
      return blows;
    },
  };
}
