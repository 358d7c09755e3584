import { type Cursor, reduceFrame, type SessionKey, type Snapshot } from "@holdfast/contract";
import { type LogFrame, type SessionState } from "@holdfast/internal";
import type { SessionLog } from "../src/index.ts";

/** Small, so that pages end everywhere. */
const PAGE = 3;
/** Nothing happens meanwhile, so it comes to an end; a log of some hundred frames has as many pages. */
const MAX_ROUNDS = 200;

/**
 * A reader that follows SPEC.md and nothing else: edge and client in one. `askWorkflow` stands for the Query a cold cache
 * makes necessary.
 */
export class ModelReader {
  held: Snapshot | undefined;
  last: Cursor = "0";
  readonly #log: SessionLog;
  readonly #key: SessionKey;
  readonly #askWorkflow: () => SessionState;
  #live: LogFrame[] = [];

  constructor(log: SessionLog, key: SessionKey, askWorkflow: () => SessionState) {
    this.#log = log;
    this.#key = key;
    this.#askWorkflow = askWorkflow;
  }

  /** A frame from pub/sub, which may come late, or not at all. */
  hear(frame: LogFrame): void {
    this.#live.push(frame);
  }

  /** Takes what was heard; reads the log only where that does not join. */
  async takeLive(): Promise<void> {
    const heard = this.#live;
    this.#live = [];
    for (const frame of heard) if (!this.#accept(frame)) return this.catchUp();
  }

  /** Reads the log to its end. */
  async catchUp(): Promise<void> {
    if (this.held === undefined) await this.#open();
    for (let round = 0; ; round++) {
      if (round > MAX_ROUNDS) throw new Error("The log has no end.");
      const page = await this.#log.read(this.#key, this.last, PAGE);
      if (page.outcome === "unknown" || !page.frames.every((frame) => this.#accept(frame))) {
        await this.#open();
        continue;
      }
      if (!page.more) return;
    }
  }

  /** False: only a snapshot helps (chain-3). */
  #accept(frame: LogFrame): boolean {
    if (this.held === undefined || frame.prev !== this.last || frame.type === "resync") return false;
    if (frame.type === "foreign") throw new Error("nobody writes such a frame here");
    const reduction = reduceFrame(this.held, frame);
    if (reduction.outcome === "gap") return false;
    if (reduction.outcome === "applied") this.held = reduction.snapshot;
    this.last = frame.id;
    return true;
  }

  async #open(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const read = await this.#log.snapshot(this.#key);
      if (read.outcome === "snapshot") {
        this.held = read.snapshot;
        this.last = read.cursor;
        return;
      }
      await this.#log.putSnapshot(this.#key, this.#askWorkflow());
    }
    throw new Error("The cache stays cold.");
  }
}
