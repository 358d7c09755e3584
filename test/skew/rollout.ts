import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sessionPath } from "@holdfast/contract";
import { startTemporal } from "@holdfast/stack/servers";
import { answersIn, modelCallsOf } from "../chaos/answers.ts";
import { CALM } from "../chaos/arena.ts";
import { check, type Violation } from "../chaos/checker.ts";
import type { History } from "../chaos/history.ts";
import type { Participant } from "../chaos/participant.ts";
import { rest } from "../chaos/rest.ts";
import { longest, silencesOf } from "../chaos/silence.ts";
import { ask, rawConnect } from "../conformance/raw-client.ts";
import { type Scene, startScene } from "../conformance/stack.ts";
import { enlist, midStream, type Streaming, talk } from "./crowd.ts";
import type { Phase, Release, Swap } from "./phases.ts";

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
  readonly #scene: Scene;
  readonly #releases: Releases;
  readonly #crowd: readonly Participant[];
  readonly #clock: () => number;
  readonly #stop: () => Promise<void>;
  readonly #interrupts: string[] = [];
  readonly #told = new Set<string>();

  private constructor(
    scene: Scene,
    releases: Releases,
    crowd: readonly Participant[],
    clock: () => number,
    stop: () => Promise<void>,
  ) {
    this.#scene = scene;
    this.#releases = releases;
    this.#crowd = crowd;
    this.#clock = clock;
    this.#stop = stop;
  }

  /** `trees`: roots of the releases' source trees. Everything starts as the old one. */
  static async start(trees: Record<Release, string>): Promise<Rollout> {
    const releases: Releases = { wanted: new Map(), running: new Map() };
    const temporal = await startTemporal({ args: EARLY_CONTINUATION });
    const source = (name: string): string => {
      const release = releases.wanted.get(name) ?? "old";
      releases.running.set(name, release);
      return trees[release];
    };
    const scene = await startScene({ temporalAddress: temporal.address, source }).catch(async (error: unknown) => {
      await temporal.stop();
      throw error;
    });
    scene.model.setDefault(CALM);
    const began = performance.now();
    const clock = (): number => Math.round(performance.now() - began);
    const crowd = await enlist(scene.stack, trees, clock);
    return new Rollout(scene, releases, crowd, clock, async () => {
      await Promise.allSettled(crowd.map((participant) => participant.close()));
      await scene.stop();
      await temporal.stop();
    });
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async run(phase: Phase): Promise<PhaseResult> {
    const from = this.#clock();
    const acked = this.#acked();
    await Promise.all([talk(this.#crowd, phase.name), this.#swapAll(phase)]);
    const { history, continued, tookMs } = await this.#atRest();
    return {
      acked: this.#acked() - acked,
      violations: check(history).filter((violation) => this.#isNews(violation)),
      longestSilenceMs: longest(silencesOf(history).filter((silence) => silence.from >= from)),
      settledMs: tookMs,
      continued,
    };
  }

  async #swapAll({ name, swaps }: Phase): Promise<void> {
    for (const swap of swaps) {
      await midStream(this.#crowd, this.#clock, name);
      await this.#swap(swap);
    }
    for (const url of this.#scene.stack.edgeUrls) {
      await this.#interrupt(url, await midStream(this.#crowd, this.#clock, name));
    }
  }

  async #swap({ app, how, to }: Swap): Promise<void> {
    const { stack } = this.#scene;
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
    const { socket } = await rawConnect(url, await this.#scene.stack.token({ subject: key.owner }));
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
    const { stack, model } = this.#scene;
    const { transcripts, hangs, continued, tookMs } = await rest(this.#crowd, stack.temporalAddress);
    const modelCalls = modelCallsOf(model.calls);
    const history: History = {
      sent: this.#crowd.flatMap(({ sent }) => sent),
      transcripts,
      readers: this.#crowd.map((participant) => participant.record()),
      modelCalls,
      answers: answersIn(modelCalls),
      interrupts: this.#interrupts,
      hangs,
    };
    return { history, continued, tookMs };
  }

  #acked(): number {
    return this.#crowd.flatMap(({ sent }) => sent).filter(({ durable }) => durable).length;
  }

  #isNews(violation: Violation): boolean {
    const text = JSON.stringify(violation);
    const isNews = !this.#told.has(text);
    this.#told.add(text);
    return isNews;
  }
}
