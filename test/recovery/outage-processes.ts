import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "@holdfast/stack/stack";

const SAMPLE_MS = 500;
const MEBIBYTE = 1_048_576;

/** Resident memory of one process in MiB, and how often it ended. */
export interface ProcessFigures {
  before: number;
  peak: number;
  after: number;
  exits: number;
}

/** Watches the memory of every process of a stack from its creation on, and whether one ends. */
export class OutageProcesses {
  readonly #stack: Stack;
  readonly #figures = new Map<string, ProcessFigures>();
  readonly #ending = new AbortController();
  readonly #sampling: Promise<void>;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#sampling = this.#sample();
  }

  /** The memory of now is what later samples are compared with. */
  async begin(): Promise<void> {
    for (const [name, rss] of await this.#read()) {
      this.#figures.set(name, { before: rss, peak: rss, after: rss, exits: 0 });
    }
  }

  async end(): Promise<Record<string, ProcessFigures>> {
    this.#ending.abort();
    await this.#sampling;
    await this.#note();
    for (const { name, restarts } of this.#stack.children()) {
      const figures = this.#figures.get(name);
      if (figures !== undefined) figures.exits = restarts;
    }
    return Object.fromEntries(this.#figures);
  }

  async #sample(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      await this.#note();
      await sleep(SAMPLE_MS, undefined, { signal: this.#ending.signal }).catch(() => undefined);
    }
  }

  async #note(): Promise<void> {
    for (const [name, rss] of await this.#read()) {
      const figures = this.#figures.get(name);
      if (figures === undefined) continue;
      figures.after = rss;
      figures.peak = Math.max(figures.peak, rss);
    }
  }

  async #read(): Promise<[string, number][]> {
    const usage = await this.#stack.usage();
    return Object.entries(usage).map(([name, { rssBytes }]) => [name, Math.round(rssBytes / MEBIBYTE)]);
  }
}
