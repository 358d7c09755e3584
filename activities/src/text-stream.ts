import type { SessionKey, TurnStartedBody } from "@holdfast/contract";
import type { Begun, Fence, SessionLog, TextAppended } from "@holdfast/session-log";

/** UTF-16 code units of one delta; longer text goes in several. */
const DELTA_LENGTH = 32 * 1024;
/** Pauses between tries while the log is out of reach, after a first one at once: they double from `first` to `max`. */
const REPAIR_MS = { first: 100, max: 2_000 };

export interface TextStreamOptions {
  log: Pick<SessionLog, "begin" | "appendText" | "rewind">;
  key: SessionKey;
  fence: Fence;
  started: TurnStartedBody;
  /** What the attempt found when it took the fence; undefined when the log was out of reach. */
  begun: Begun | undefined;
  /** Text of the turn's earlier steps. */
  before: string;
  /** Text of this step which the attempt goes on from; "" when it starts its step over. */
  prefix: string;
  batchMs: number;
  /** An interrupt of the turn was requested. */
  onStop: () => void;
  /** A later attempt, or the turn's end, is ahead of this one. */
  onStale: () => void;
}

/**
 * Where the log stands towards the text of this attempt.
 * - `in step`: readers hold a beginning of it; what follows goes as deltas.
 * - `behind`: they hold something else; the next frame is a rewind.
 * - `unknown`: a write failed or the log lost something; the fence must be taken anew to see.
 * - `over`: the attempt is superseded and writes no more.
 */
type Standing = { at: "in step" } | { at: "behind" } | { at: "unknown" } | { at: "over" };

/**
 * Brings an attempt's text to the session's readers while it is being made. `push` never waits: one write is in flight at a time,
 * and what arrives meanwhile goes with the next one, at most every `batchMs`. A log that fails is repaired later, from the whole
 * text kept here; generation does not notice.
 */
export class TextStream {
  readonly #options: TextStreamOptions;
  #standing: Standing;
  /** Text of the turn's earlier steps. */
  readonly #base: string;
  #text: string;
  /** How much of `#text` readers hold. */
  #sent: number;
  /** What readers hold by our own count: base and text of what was written. Compared with the whole at the end. */
  #shown: string;
  /** First half of a surrogate pair whose second half has not arrived. */
  #half = "";
  /** Highest index a frame of this attempt may stand at, whether its write was answered or not. */
  #lastIndex: number;
  #inFlight: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextAt = 0;
  #repairs = 0;
  /** While finishing, `finish` alone writes: a batch's timer would write beside it. */
  #finishing = false;
  #closed = false;
  /** Counts the retractions: what a write of an earlier count brings is no part of the text. */
  #retractions = 0;
  /** Readers hold what was retracted. Else an empty text is not worth a frame. */
  #mustRetract = false;

  constructor(options: TextStreamOptions) {
    const { begun, before, prefix } = options;
    this.#options = options;
    this.#base = before;
    this.#text = prefix;
    this.#sent = prefix.length;
    this.#shown = begun?.text ?? "";
    this.#lastIndex = begun?.index ?? 0;
    if (begun === undefined) this.#standing = { at: "unknown" };
    else if (begun.baseLength === before.length && begun.text === before + prefix) this.#standing = { at: "in step" };
    else this.#standing = { at: "behind" };
  }

  /** The step's whole text so far, always well-formed. */
  get text(): string {
    return this.#text;
  }

  push(piece: string): void {
    const joined = this.#half + piece;
    this.#half = /[\uD800-\uDBFF]$/.test(joined) ? joined.slice(-1) : "";
    this.#text += joined.slice(0, joined.length - this.#half.length).toWellFormed();
    this.#schedule();
  }

  /** What was pushed so far, and what the attempt went on from, is no part of the text. */
  retract(): void {
    const isShown = this.#sent > 0 || this.#inFlight !== undefined;
    this.#retractions++;
    this.#text = "";
    this.#half = "";
    this.#sent = 0;
    this.#mustRetract ||= isShown;
    if (isShown && this.#standing.at === "in step") this.#standing = { at: "behind" };
    this.#schedule();
  }

  /**
   * Ends the stream: what is left goes out now, and the promise resolves when it has, or after `withinMs`. The log being away
   * is not waited for. Throws only when what was streamed is not the text, which would be a defect here.
   */
  async finish(withinMs: number): Promise<void> {
    this.#text += this.#half.toWellFormed();
    this.#half = "";
    this.#finishing = true;
    clearTimeout(this.#timer);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    await Promise.race([this.#drain(), late]);
    clearTimeout(timer);
    this.close();
    const whole = this.#base + this.#text;
    if (this.#standing.at === "in step" && this.#sent === this.#text.length && this.#shown !== whole) {
      throw new Error("What was streamed is not the text of the attempt.");
    }
  }

  /** Writes nothing more. */
  close(): void {
    this.#finishing = true;
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#finishing || this.#inFlight !== undefined || this.#timer !== undefined || !this.#hasWork()) return;
    const wait = this.#nextAt - performance.now();
    if (wait <= 0) this.#write();
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
    switch (this.#standing.at) {
      case "over":
        return false;
      case "in step":
        return this.#sent < this.#text.length;
      // A rewind waits for text to put in the old one's place: readers keep what they have until there is something better.
      case "behind":
      case "unknown":
        return this.#text !== "" || this.#mustRetract;
    }
  }

  /** The log did not answer lately: it is not asked again before the pause is over. */
  #isPausing(): boolean {
    return this.#standing.at === "unknown" && this.#nextAt > performance.now();
  }

  #write(): void {
    this.#nextAt = performance.now() + this.#options.batchMs;
    this.#inFlight = this.#writeNext()
      .catch(() => this.#lost())
      .then(() => {
        this.#inFlight = undefined;
        this.#schedule();
      });
  }

  async #writeNext(): Promise<void> {
    const { log, key, fence } = this.#options;
    switch (this.#standing.at) {
      case "over":
        return;
      case "unknown":
        return this.#found(await log.begin(key, fence, this.#options.started, 0));
      case "behind": {
        const [base, text, retractions] = [this.#base, this.#text, this.#retractions];
        const answer = await log.rewind(key, fence, ++this.#lastIndex, base + text, base.length);
        return this.#wrote(answer, text.length, base + text, retractions);
      }
      case "in step": {
        const [piece, shown, sent, retractions] = [this.#nextPiece(), this.#shown, this.#sent, this.#retractions];
        const answer = await log.appendText(key, fence, ++this.#lastIndex, piece);
        return this.#wrote(answer, sent + piece.length, shown + piece, retractions);
      }
    }
  }

  #nextPiece(): string {
    const end = this.#sent + DELTA_LENGTH;
    const splitsPair = /[\uD800-\uDBFF]/.test(this.#text.charAt(end - 1));
    return this.#text.slice(this.#sent, splitsPair ? end - 1 : end);
  }

  #wrote({ outcome, stop }: TextAppended, sent: number, shown: string, retractions: number): void {
    const isCurrent = retractions === this.#retractions;
    switch (outcome) {
      case "appended":
      case "duplicate":
        this.#standing = { at: isCurrent ? "in step" : "behind" };
        if (isCurrent) this.#mustRetract = false;
        this.#sent = isCurrent ? sent : 0;
        this.#shown = shown;
        this.#repairs = 0;
        break;
      case "gap":
        this.#lost();
        break;
      case "stale":
        this.#superseded();
        return;
    }
    if (stop) this.#options.onStop();
  }

  /** The fence is taken anew: see what readers hold of the text. */
  #found(begun: Begun): void {
    if (begun.outcome === "stale") return this.#superseded();
    const whole = this.#base + this.#text;
    const isBeginning = begun.text.length >= this.#base.length && whole.startsWith(begun.text);
    // With another index than the last one used, a write is missing or was another's. It may even arrive yet: only a frame
    // with an index above all of them is safe.
    const isInStep = isBeginning && begun.index === this.#lastIndex;
    this.#lastIndex = Math.max(this.#lastIndex, begun.index);
    this.#standing = { at: isInStep ? "in step" : "behind" };
    this.#mustRetract &&= begun.text.length > this.#base.length;
    this.#sent = isInStep ? begun.text.length - this.#base.length : 0;
    this.#shown = begun.text;
    this.#nextAt = 0;
    if (begun.stop) this.#options.onStop();
  }

  #superseded(): void {
    this.#standing = { at: "over" };
    this.#options.onStale();
  }

  #lost(): void {
    this.#standing = { at: "unknown" };
    const pause = this.#repairs === 0 ? 0 : REPAIR_MS.first * 2 ** (this.#repairs - 1);
    this.#nextAt = performance.now() + Math.min(REPAIR_MS.max, pause);
    this.#repairs++;
  }
}
