import { isDeepStrictEqual } from "node:util";
import type { BodyOf, Part, SessionKey } from "@holdfast/contract";
import type { Begun, Fence, Growth, SessionLog, Written } from "@holdfast/session-log";
import { grown, nextGrowth } from "./growth.ts";

/** Pauses between tries while the log is out of reach, after a first one at once: they double from `first` to `max`. */
const REPAIR_MS = { first: 100, max: 2_000 };

export interface StepWriterOptions {
  log: Pick<SessionLog, "begin" | "write">;
  key: SessionKey;
  fence: Fence;
  started: BodyOf<"turn.started">;
  /** Milliseconds between two frames that add to the same part. */
  batchMs: number;
  /** An interrupt of the turn was requested. */
  onStop: () => void;
  /** A later attempt, or the end of the step or turn, is ahead of this writer. */
  onStale: () => void;
}

/**
 * What the writer knows of the log.
 * - `known`: readers hold `#held`.
 * - `unknown`: a write failed, or the log lost something. The fence must be taken anew to see what readers hold.
 * - `over`: the writer is superseded and writes no more.
 */
type WriterState = "known" | "unknown" | "over";

/**
 * Writes to the log what one attempt of a step makes, while the attempt makes it. The attempt changes `parts` and never waits for
 * the log. The writer has one write in flight; text that arrives meanwhile goes with the next write, at most every `batchMs`. When the
 * log fails, the writer repairs it later from the parts that it keeps.
 */
export class StepWriter {
  readonly #options: StepWriterOptions;
  #state: WriterState = "unknown";
  #parts: readonly Part[] = [];
  /** What readers hold, by our own count of what was written. */
  #held: readonly Part[] = [];
  /** First half of a surrogate pair whose second half has not arrived. */
  #half: { type: "text" | "reasoning"; text: string } | undefined;
  /** Number of this writer's last write, whether it was answered or not. */
  #seq = 0;
  /** Of the turn's last growing frame in the log. */
  #index = 0;
  /** Parts were taken back, so that readers must be told even where none are left. */
  #tookBack = false;
  #inFlight: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextAt = 0;
  /** How often the log failed since it last took something. */
  #repairs = 0;
  /** While finishing, `finish` alone writes: a batch's timer would write beside it. */
  #finishing = false;
  #closed = false;

  constructor(options: StepWriterOptions) {
    this.#options = options;
  }

  /** The parts so far. Their texts are well-formed. */
  get parts(): readonly Part[] {
    return this.#parts;
  }

  /** Index of the turn's last growing frame. Undefined unless readers hold exactly `parts` at that frame. */
  get index(): number | undefined {
    const isHeld = this.#state === "known" && nextGrowth(this.#held, this.#parts) === undefined;
    return isHeld ? this.#index : undefined;
  }

  /** Takes the fence. Call it once, before all else. Undefined when the log is out of reach: then the first write tries again. */
  async begin(contextTurns: number): Promise<Begun | undefined> {
    try {
      const begun = await this.#takeFence(contextTurns);
      this.#found(begun);
      return begun;
    } catch {
      return undefined;
    }
  }

  /** Goes on behind the parts that readers hold. Without this call the writer's first parts replace them. */
  goOn(): void {
    this.#parts = this.#held;
  }

  /** Adds text to the last part, or begins a new one where that is of another type. */
  say(type: "text" | "reasoning", piece: string): void {
    if (this.#half !== undefined && this.#half.type !== type) this.#endHalf();
    const joined = (this.#half?.text ?? "") + piece;
    const half = /[\uD800-\uDBFF]$/.test(joined) ? joined.slice(-1) : "";
    this.#half = half === "" ? undefined : { type, text: half };
    this.#grow(type, joined.slice(0, joined.length - half.length).toWellFormed());
    this.#schedule();
  }

  /** Adds a whole part, or replaces the one that it stands for. */
  place(part: Part): void {
    this.#endHalf();
    const at = this.#parts.findIndex((before) => standsFor(part, before));
    this.#parts = at === -1 ? [...this.#parts, part] : this.#parts.with(at, part);
    this.#schedule();
  }

  /** All that was said so far is void; the parts are these. */
  rewind(parts: readonly Part[]): void {
    this.#half = undefined;
    this.#parts = parts;
    this.#tookBack = true;
    this.#schedule();
  }

  /**
   * Writes what is left, and resolves when it is written or `withinMs` have passed. It does not wait for a log that is out of reach.
   * Throws only if the log was given other parts than `parts`, which would be a defect of this class.
   */
  async finish(withinMs: number): Promise<void> {
    this.#endHalf();
    this.#finishing = true;
    clearTimeout(this.#timer);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    await Promise.race([this.#drain(), late]);
    clearTimeout(timer);
    this.close();
    const isAllWritten = this.#state === "known" && this.#inFlight === undefined && !this.#hasWork();
    if (isAllWritten && this.#parts.length > 0 && !isDeepStrictEqual(this.#held, this.#parts)) {
      throw new Error("What was written is not what the attempt made.");
    }
  }

  /** Writes nothing more. */
  close(): void {
    this.#finishing = true;
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #endHalf(): void {
    if (this.#half === undefined) return;
    const { type, text } = this.#half;
    this.#half = undefined;
    this.#grow(type, text.toWellFormed());
  }

  #grow(type: "text" | "reasoning", text: string): void {
    if (text === "") return;
    const last = this.#parts.at(-1);
    if (last?.type === type) this.#parts = this.#parts.with(-1, { type, text: last.text + text });
    else this.#parts = [...this.#parts, { type, text }];
  }

  #schedule(): void {
    if (this.#finishing || this.#inFlight !== undefined || this.#timer !== undefined || !this.#hasWork()) return;
    const wait = this.#nextAt - performance.now();
    if (wait <= 0 || this.#addsPart()) this.#write();
    else {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#write();
      }, wait);
    }
  }

  async #drain(): Promise<void> {
    for (;;) {
      if (this.#inFlight !== undefined) await this.#inFlight;
      else if (this.#closed || this.#isPausing() || !this.#hasWork()) return;
      else this.#write();
    }
  }

  #hasWork(): boolean {
    if (this.#state === "over") return false;
    // Readers keep the parts of an earlier attempt until this one has something to replace them by.
    if (this.#parts.length === 0 && !this.#tookBack) return false;
    return this.#state === "unknown" || nextGrowth(this.#held, this.#parts) !== undefined;
  }

  /** A new part is not kept waiting. */
  #addsPart(): boolean {
    const growth = this.#state === "known" ? nextGrowth(this.#held, this.#parts) : undefined;
    return growth !== undefined && growth.type !== "rewind" && growth.at === this.#held.length;
  }

  /** Whether the log failed a moment ago, so that the writer waits before it asks again. */
  #isPausing(): boolean {
    return this.#state === "unknown" && this.#nextAt > performance.now();
  }

  #write(): void {
    this.#nextAt = performance.now() + this.#options.batchMs;
    this.#inFlight = this.#writeNext()
      .catch(() => this.#loseTrack())
      .then(() => {
        this.#inFlight = undefined;
        this.#schedule();
      });
  }

  async #writeNext(): Promise<void> {
    if (this.#state === "unknown") {
      const begun = await this.#takeFence(0);
      this.#found(begun);
      if (begun.outcome === "stale") this.#options.onStale();
      else if (begun.stop) this.#options.onStop();
      return;
    }
    const growth = this.#state === "known" ? nextGrowth(this.#held, this.#parts) : undefined;
    if (growth === undefined) return;
    const { log, key, fence } = this.#options;
    this.#wrote(await log.write(key, fence, ++this.#seq, growth), growth);
  }

  #wrote({ outcome, stop, index }: Written, growth: Growth): void {
    switch (outcome) {
      case "appended":
      case "duplicate": {
        const held = grown(this.#held, growth);
        if (held === undefined) return this.#loseTrack();
        this.#held = held;
        this.#index = index;
        this.#repairs = 0;
        break;
      }
      case "gap":
        this.#loseTrack();
        break;
      case "stale":
        this.#state = "over";
        this.#options.onStale();
        return;
    }
    if (stop) this.#options.onStop();
  }

  /** Tells the log the highest number used, so that a write which this writer gave up is void if it arrives late. */
  async #takeFence(contextTurns: number): Promise<Begun> {
    const { log, key, fence, started } = this.#options;
    return log.begin(key, fence, started, { contextTurns, seq: this.#seq });
  }

  #found({ outcome, parts, index }: Begun): void {
    this.#state = outcome === "stale" ? "over" : "known";
    this.#held = parts;
    this.#index = index;
    this.#nextAt = 0;
  }

  #loseTrack(): void {
    this.#state = "unknown";
    const pause = this.#repairs === 0 ? 0 : REPAIR_MS.first * 2 ** (this.#repairs - 1);
    this.#nextAt = performance.now() + Math.min(REPAIR_MS.max, pause);
    this.#repairs++;
  }
}

/** Whether `part` is a newer state of `before`: the same tool call, the same piece of data or the same child. */
function standsFor(part: Part, before: Part): boolean {
  switch (part.type) {
    case "tool":
      return before.type === "tool" && before.call === part.call;
    case "data":
      return part.id !== undefined && before.type === "data" && before.name === part.name && before.id === part.id;
    case "child":
      return before.type === "child" && before.session === part.session;
    case "text":
    case "reasoning":
    case "source":
    case "file":
      return false;
  }
}
