import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { startTemporal } from "@holdfast/stack/servers";
import type { Stack } from "@holdfast/stack/stack";
import { CALM } from "../chaos/fixtures.ts";
import { check } from "../kit/checker.ts";
import { type Fixture, startFixture, withUndo } from "../kit/fixture.ts";
import type { History, Violation } from "../kit/history.ts";
import { talk } from "../kit/load.ts";
import { answersIn, modelCallsOf } from "../kit/model-calls.ts";
import { type Participant, type ParticipantOptions, RawParticipant } from "../kit/participant.ts";
import { ask, rawConnect } from "../kit/raw-client.ts";
import { isGrowing } from "../kit/reading.ts";
import { longest, silencesOf } from "../kit/report.ts";
import { rest } from "../kit/rest.ts";
import { ProcessParticipant } from "./process-participant.ts";

/** Which of the two releases. */
export type Release = "old" | "new";

/** One app is ended and comes back as another release. */
export interface Swap {
  app: string;
  /** `drain`: SIGTERM, it finishes what it began. `kill`: SIGKILL. */
  how: "drain" | "kill";
  to: Release;
}

export interface Phase {
  name: string;
  /** One after the other, each while answers are being streamed. */
  swaps: readonly Swap[];
}

const drain = (app: string, to: Release): Swap => ({ app, how: "drain", to });
const kill = (app: string, to: Release): Swap => ({ app, how: "kill", to });

/**
 * A deployment and its rollback, with clients of both releases from beginning to end; everything begins as the old one.
 * Sessions that began in the first phase are the ones that talk in the last.
 */
export const PHASES: readonly Phase[] = [
  { name: "everything old", swaps: [] },
  { name: "one edge new", swaps: [drain("edge-2", "new")] },
  { name: "orchestrator killed, back as new", swaps: [kill("orchestrator", "new")] },
  { name: "the rest drained, back as new", swaps: [drain("inference", "new"), drain("edge-1", "new")] },
  { name: "everything new", swaps: [] },
  { name: "one edge old again", swaps: [drain("edge-1", "old")] },
  { name: "workers killed, back as old", swaps: [kill("inference", "old"), kill("orchestrator", "old")] },
  { name: "everything old again", swaps: [kill("edge-2", "old")] },
  {
    name: "rolling restart, new, without a rest",
    swaps: ["edge-1", "orchestrator", "edge-2", "inference"].map((app) => drain(app, "new")),
  },
];

export interface PhaseResult {
  acked: number;
  /** Of this phase: what an earlier one broke was told then. */
  violations: Violation[];
  /** Milliseconds: the longest a reader that was owed something was given nothing. */
  longestSilenceMs: number;
  /** From the last word until every reader held the workflow's transcript. */
  settledMs: number;
  /** Sessions that have continued as a new workflow run so far. */
  continued: number;
}

/** A run continues as new after a dozen turns: under each release, and carried from the one to the other. */
const EARLY_CONTINUATION = ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=150"];

/** By app: what its next start is to bring, and what its last one brought. */
interface Releases {
  wanted: Map<string, Release>;
  running: Map<string, Release>;
}

/** One Holdfast whose apps change their release while clients of both talk. */
export class Rollout {
  readonly #fixture: Fixture;
  readonly #releases: Releases;
  readonly #participants: readonly Participant[];
  readonly #clock: () => number;
  readonly #stop: () => Promise<void>;
  readonly #interrupts: string[] = [];
  readonly #told = new Set<string>();

  private constructor(
    fixture: Fixture,
    releases: Releases,
    participants: readonly Participant[],
    clock: () => number,
    stop: () => Promise<void>,
  ) {
    this.#fixture = fixture;
    this.#releases = releases;
    this.#participants = participants;
    this.#clock = clock;
    this.#stop = stop;
  }

  /** `trees`: roots of the releases' source trees. Everything starts as the old one. */
  static async start(trees: Record<Release, string>): Promise<Rollout> {
    const releases: Releases = { wanted: new Map(), running: new Map() };
    const source = (name: string): string => {
      const release = releases.wanted.get(name) ?? "old";
      releases.running.set(name, release);
      return trees[release];
    };
    const began = performance.now();
    const clock = (): number => Math.round(performance.now() - began);
    const built = await withUndo(async (undo) => {
      const temporal = await startTemporal({ args: EARLY_CONTINUATION });
      undo(() => temporal.stop());
      const fixture = await startFixture({ script: CALM, temporalAddress: temporal.address, source });
      undo(() => fixture.close());
      const participants = await enlist(fixture.stack, trees, clock);
      undo(() => Promise.allSettled(participants.map((participant) => participant.close())));
      return { fixture, participants };
    });
    return new Rollout(built.fixture, releases, built.participants, clock, built.close);
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async run(phase: Phase): Promise<PhaseResult> {
    const from = this.#clock();
    const acked = this.#acked();
    await Promise.all([this.#talk(phase.name), this.#swapAll(phase)]);
    const { history, continued, tookMs } = await this.#atRest();
    return {
      acked: this.#acked() - acked,
      violations: check(history).filter((violation) => this.#isNews(violation)),
      longestSilenceMs: longest(silencesOf(history).filter((silence) => silence.from >= from)),
      settledMs: tookMs,
      continued,
    };
  }

  /** Everybody says a few things, faster than they are answered, so that inputs wait in the session's queue. */
  async #talk(phase: string): Promise<void> {
    const often = { pauseMs: { least: 200, spread: 600 }, observes: 0.5, random: Math.random };
    const isOver = (said: number): boolean => said >= INPUTS_A_PHASE;
    await Promise.all(
      this.#participants.map((each) => talk(each, { ...often, isOver, words: `${each.name}, ${phase}:` })),
    );
  }

  async #swapAll({ name, swaps }: Phase): Promise<void> {
    for (const swap of swaps) {
      await midStream(this.#participants, this.#clock, name);
      await this.#swap(swap);
    }
    for (const url of this.#fixture.stack.edgeUrls) {
      await this.#interrupt(url, await midStream(this.#participants, this.#clock, name));
    }
  }

  async #swap({ app, how, to }: Swap): Promise<void> {
    const { stack } = this.#fixture;
    this.#releases.wanted.set(app, to);
    await stack.kill(app, how === "drain" ? "SIGTERM" : "SIGKILL");
    await stack.whenReady(app);
    if (this.#releases.running.get(app) !== to) throw new Error(`${app} did not come back as the ${to} release.`);
  }

  /**
   * Through one edge. Only a turn that has said something: an input without any answer is put before the next one, and what
   * the model answers to both nobody here could know. Throws when it is refused for good.
   */
  async #interrupt(url: string, { key, turn }: Streaming): Promise<void> {
    const { socket } = await rawConnect(url, await this.#fixture.stack.token({ subject: key.owner }));
    const command = { session: key.name, id: randomUUID(), name: "interrupt", args: { turn } };
    this.#interrupts.push(sessionPath(key));
    for (;;) {
      const { ok, error } = await ask(socket, "command", command);
      if (ok) break;
      if (error?.retryAfterMs === undefined && error?.code !== "unavailable")
        throw new Error(`An interrupt was refused: ${JSON.stringify(error)}`);
      await sleep(error.retryAfterMs ?? 200);
    }
    socket.close();
  }

  async #atRest(): Promise<{ history: History; continued: number; tookMs: number }> {
    const { stack, model } = this.#fixture;
    const { transcripts, hangs, continued, tookMs } = await rest(this.#participants, stack.temporalAddress);
    const modelCalls = modelCallsOf(model.calls);
    const history: History = {
      sent: this.#participants.flatMap(({ sent }) => sent),
      transcripts,
      readers: this.#participants.map((participant) => participant.record()),
      modelCalls,
      answers: answersIn(modelCalls),
      interrupts: this.#interrupts,
      hangs,
    };
    return { history, continued, tookMs };
  }

  #acked(): number {
    return this.#participants.flatMap(({ sent }) => sent).filter(({ durable }) => durable).length;
  }

  #isNews(violation: Violation): boolean {
    const text = JSON.stringify(violation);
    const isNews = !this.#told.has(text);
    this.#told.add(text);
    return isNews;
  }
}

/** Inputs each says in a phase. A transcript keeps 200 turns, and can be checked no longer than that. */
const INPUTS_A_PHASE = 5;

/**
 * Two sessions, each with a client of either release at an edge of its own, the other way round in the second, and a raw one
 * that goes from edge to edge: every release of a client at every edge, and each session read through both.
 */
async function enlist(stack: Stack, trees: Record<Release, string>, clock: () => number): Promise<Participant[]> {
  const [one = "", two = ""] = stack.edgeUrls;
  const sessions = [
    { name: "first", old: one, new: two },
    { name: "second", old: two, new: one },
  ];
  const participants: Participant[] = [];
  for (const edges of sessions) {
    const subject = `user-${edges.name}`;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const options = (client: string, at: readonly string[]): ParticipantOptions => ({
      name: `${client}-${edges.name}`,
      key,
      edges: at,
      token: () => stack.token({ subject }),
      clock,
    });
    participants.push(await ProcessParticipant.start(options("old", [edges.old]), trees.old));
    participants.push(await ProcessParticipant.start(options("new", [edges.new]), trees.new));
    participants.push(new RawParticipant(options("raw", [edges.old, edges.new])));
  }
  return participants;
}

/** A turn somebody was given a piece of a moment ago. */
interface Streaming {
  key: SessionKey;
  turn: number;
}

/** Resolves while an answer is being streamed to somebody; gives cause for one where there is none. */
async function midStream(participants: readonly Participant[], clock: () => number, phase: string): Promise<Streaming> {
  for (let waited = 0; ; waited++) {
    for (const participant of participants) {
      const last = participant.record().frames.at(-1);
      if (last !== undefined && isGrowing(last.frame) && clock() - last.at < 100)
        return { key: participant.key, turn: last.frame.turn };
    }
    if (waited % 100 === 50) participants[0]?.say(`${phase}: say more (${waited})`);
    await sleep(20);
  }
}
