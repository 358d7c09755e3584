import { setTimeout as sleep } from "node:timers/promises";
import { sessionPath, type SessionKey } from "@holdfast/contract";
import pLimit from "p-limit";
import { backoff } from "../pacing.ts";
import { Feed, type FeedDeps } from "./feed.ts";
import type { Snapshots } from "./snapshots.ts";

export interface FeedsOptions {
  /** How long a feed without readers is kept, for a reader that comes back. */
  readonly lingerMs: number;
  /** How long it is kept at most while inputs that this node took wait for their turns: they count towards the session's limit. */
  readonly backlogLingerMs: number;
  /** How often a feed compares its tail with the log: at first, and when nothing happens for long. */
  readonly checkMs: { first: number; longest: number };
  /** A running turn that says nothing for so long is compared with the workflow. */
  readonly silentTurnMs: number;
}

export const FEEDS_OPTIONS: FeedsOptions = {
  lingerMs: 5_000,
  backlogLingerMs: 600_000,
  checkMs: { first: 10_000, longest: 60_000 },
  silentTurnMs: 15_000,
};

const MAX_RECOVERIES = 64;

export interface FeedsDeps extends FeedDeps {
  readonly snapshots: Snapshots;
  /** Inputs that came by way of this node wait for their turns. */
  readonly isAwaited: (path: string) => boolean;
  readonly onClosed: (path: string) => void;
  readonly onFailure: (path: string, error: unknown) => void;
}

interface Entry {
  readonly feed: Feed;
  readers: number;
  isVerifying: boolean;
  /** `again`: Redis went away and came back while a recovery was under way. */
  recovery: "none" | "running" | "again";
  readonly ending: AbortController;
  linger: NodeJS.Timeout | undefined;
}

/** The feeds of this node, one for each session that a socket has open, and the checks that keep them true. */
export class Feeds {
  readonly #deps: FeedsDeps;
  readonly #options: FeedsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #recoveries = pLimit(MAX_RECOVERIES);

  constructor(deps: FeedsDeps, options: FeedsOptions = FEEDS_OPTIONS) {
    this.#deps = deps;
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Every `acquire` is answered by one `release`. */
  acquire(key: SessionKey): Feed {
    const path = sessionPath(key);
    const entry = this.#entries.get(path) ?? this.#open(path, key);
    clearTimeout(entry.linger);
    entry.readers++;
    return entry.feed;
  }

  release(feed: Feed): void {
    const entry = this.#entries.get(feed.path);
    if (entry === undefined || --entry.readers > 0) return;
    this.#linger(entry, performance.now());
  }

  /**
   * Redis was away and is back, perhaps without writes that it had acknowledged. Every feed reads on at once. Logs that are not
   * verified since are then compared with their workflows. Frames whose writes were refused come by the workflow's `repair`.
   */
  recover(): void {
    for (const entry of this.#entries.values()) {
      if (entry.recovery === "none") void this.#recover(entry);
      else entry.recovery = "again";
    }
  }

  /** Compares the session with its workflow if that has not been done since Redis may have lost something. */
  verify(feed: Feed): void {
    const entry = this.#entries.get(feed.path);
    if (entry !== undefined && !entry.isVerifying) void this.#verify(entry);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry)));
  }

  #linger(entry: Entry, since: number, hasLooked = false): void {
    const { lingerMs, backlogLingerMs } = this.#options;
    entry.linger = setTimeout(() => {
      const isWaiting = this.#deps.isAwaited(entry.feed.path) && performance.now() - since < backlogLingerMs;
      if (!isWaiting) return void this.#close(entry);
      this.#linger(entry, since, true);
      if (!hasLooked) void this.#learnMarks(entry.feed);
    }, lingerMs);
  }

  /**
   * A client that comes back sends unanswered events again. If a turn took them before this feed began to follow, no frame will
   * say so, but a snapshot does. One snapshot is enough: from here on the feed hears of every turn.
   */
  async #learnMarks(feed: Feed): Promise<void> {
    try {
      const { snapshot, cursor } = await this.#deps.snapshots.read(feed.key, "");
      feed.learn(cursor, snapshot);
    } catch {
      // Redis or Temporal is away. The inputs count as waiting, like those of turns that are still to come.
    }
  }

  #open(path: string, key: SessionKey): Entry {
    const feed = new Feed(key, this.#deps);
    const entry: Entry = {
      feed,
      readers: 0,
      isVerifying: false,
      recovery: "none",
      ending: new AbortController(),
      linger: undefined,
    };
    this.#entries.set(path, entry);
    void this.#keepTrue(entry);
    return entry;
  }

  /** Never rejects. */
  async #close(entry: Entry): Promise<void> {
    clearTimeout(entry.linger);
    entry.ending.abort();
    this.#entries.delete(entry.feed.path);
    this.#deps.onClosed(entry.feed.path);
    await entry.feed.close();
  }

  /** One at a time for a feed, however often Redis goes and comes back meanwhile. Never rejects. */
  async #recover(entry: Entry): Promise<void> {
    const { feed, ending } = entry;
    do {
      entry.recovery = "running";
      await this.#until(entry, async () => {
        await this.#recoveries(() => feed.readOn());
        feed.wakeReaders();
      });
      await this.#verify(entry);
    } while (entry.recovery !== "running" && !ending.signal.aborted);
    entry.recovery = "none";
  }

  /** Never rejects. */
  async #verify(entry: Entry): Promise<void> {
    entry.isVerifying = true;
    await this.#until(entry, async () => {
      await entry.feed.ready();
      await this.#deps.snapshots.verify(entry.feed.key);
    });
    entry.isVerifying = false;
  }

  /** Tries until it works or the feed is closed. Never rejects. */
  async #until({ feed, ending }: Entry, act: () => Promise<void>): Promise<void> {
    for (let failures = 0; !ending.signal.aborted; failures++) {
      try {
        return await act();
      } catch (error) {
        if (failures === 0) this.#deps.onFailure(feed.path, error);
        await this.#pause(backoff(failures + 1, 200, 10_000), ending.signal);
      }
    }
  }

  /** The slow checks of one feed, until it is closed. Never rejects. */
  async #keepTrue({ feed, ending }: Entry): Promise<void> {
    const { checkMs, silentTurnMs } = this.#options;
    let wait = checkMs.first;
    let patience = silentTurnMs;
    while (await this.#pause(wait * (0.75 + Math.random() / 2), ending.signal)) {
      const isQuiet = feed.silence > wait;
      wait = isQuiet && !feed.isTurnRunning ? Math.min(2 * wait, checkMs.longest) : checkMs.first;
      if (isQuiet) feed.shed();
      if (feed.silence < silentTurnMs) patience = silentTurnMs;
      try {
        await feed.checkTail();
        if (!feed.isTurnRunning || feed.silence < patience) continue;
        // A long call may well be silent: asked again, but ever more seldom.
        patience = 2 * feed.silence;
        await this.#deps.snapshots.compare(feed.key);
      } catch {
        // Redis is away, which its watch tells, or no worker answers: the next check asks again.
      }
    }
  }

  /** False when the feed is closed. */
  async #pause(ms: number, ending: AbortSignal): Promise<boolean> {
    try {
      await sleep(ms, undefined, { signal: ending });
      return true;
    } catch {
      return false;
    }
  }
}
