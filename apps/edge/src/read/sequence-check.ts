import type { FrameEnvelope, SnapshotText } from "@holdfast/internal";

/** What the frames up to some place in the log count to: the version, the running turn (0: none), and the index of its last growing frame. */
export interface SequencePoint {
  readonly version: number;
  readonly turn: number;
  readonly index: number;
}

/**
 * SPEC frame-2 and grow-3 seen from the edge: whether frames that chain to one another also count on from one another.
 * The log can be whole and yet have lost something before it was written (a failover between two appends).
 */
export class SequenceCheck {
  #version: number | undefined;
  #turn = 0;
  #index: number | undefined;

  /** `version`: all that is known; what is not known is taken from the first frame that tells it. */
  constructor(version: number | undefined) {
    this.#version = version;
  }

  static after({ version, turn, index }: SequencePoint): SequenceCheck {
    const check = new SequenceCheck(version);
    if (turn > 0) {
      check.#turn = turn;
      check.#index = index;
    }
    return check;
  }

  static afterSnapshot({ version, running }: SnapshotText): SequenceCheck {
    return SequenceCheck.after({ version, turn: running?.turn ?? 0, index: running?.index ?? 0 });
  }

  get isVersionKnown(): boolean {
    return this.#version !== undefined;
  }

  /** Of the last versioned frame; 0 where none is known. */
  get version(): number {
    return this.#version ?? 0;
  }

  /** Notes the frame; false when something is missing before it. */
  accept(frame: FrameEnvelope): boolean {
    switch (frame.type) {
      case "resync":
        return false;
      // They raise neither version nor index: notice-1, version-2.
      case "notice":
      case "foreign":
        return true;
      case "delta":
      case "part":
      case "rewind":
        return this.#acceptGrowing(frame);
      case "turn.started":
        if (!this.#acceptVersion(frame.version)) return false;
        if (frame.turn !== this.#turn) {
          this.#turn = frame.turn;
          this.#index = 0;
        }
        return true;
      case "step.ended":
      case "turn.waiting":
      case "inputs.joined":
      case "turn.ended":
      case "state.patched":
        return this.#acceptVersion(frame.version);
    }
  }

  #acceptVersion(version: number): boolean {
    const known = this.#version;
    if (known !== undefined && version > known + 1) return false;
    this.#version = Math.max(version, known ?? 0);
    return true;
  }

  #acceptGrowing(frame: Extract<FrameEnvelope, { type: "delta" | "part" | "rewind" }>): boolean {
    if (frame.turn < this.#turn) return true;
    const known = frame.turn === this.#turn ? this.#index : undefined;
    if (frame.type !== "rewind" && known !== undefined && frame.index > known + 1) return false;
    this.#turn = frame.turn;
    this.#index = Math.max(frame.index, known ?? 0);
    return true;
  }
}
