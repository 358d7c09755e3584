import type { Snapshot } from "@holdfast/contract";
import type { LogFrame } from "@holdfast/internal";

/**
 * SPEC frame-2 and frame-4 seen from the edge: whether frames that chain to one another also count on from one another.
 * The log can be whole and yet have lost something before it was written (a failover between two appends).
 */
export class Continuity {
  #version: number | undefined;
  #turn = 0;
  #index: number | undefined;

  constructor(version: number | undefined) {
    this.#version = version;
  }

  static of(snapshot: Snapshot): Continuity {
    const continuity = new Continuity(snapshot.version);
    if (snapshot.running !== null) {
      continuity.#turn = snapshot.running.turn;
      continuity.#index = snapshot.running.index;
    }
    return continuity;
  }

  /** Of the last versioned frame; 0 where none is known. */
  get version(): number {
    return this.#version ?? 0;
  }

  /** Notes the frame; false when something is missing before it. */
  accept(frame: LogFrame): boolean {
    switch (frame.type) {
      case "resync":
        return false;
      // version-2: it raises no version.
      case "foreign":
        return true;
      case "delta":
      case "rewind":
        return this.#acceptText(frame);
      case "turn.started":
        if (!this.#acceptVersion(frame.version)) return false;
        if (frame.turn !== this.#turn) {
          this.#turn = frame.turn;
          this.#index = 0;
        }
        return true;
      default:
        return this.#acceptVersion(frame.version);
    }
  }

  #acceptVersion(version: number): boolean {
    const known = this.#version;
    if (known !== undefined && version > known + 1) return false;
    this.#version = Math.max(version, known ?? 0);
    return true;
  }

  #acceptText(frame: Extract<LogFrame, { type: "delta" | "rewind" }>): boolean {
    if (frame.turn < this.#turn) return true;
    const known = frame.turn === this.#turn ? this.#index : undefined;
    if (frame.type === "delta" && known !== undefined && frame.index > known + 1) return false;
    this.#turn = frame.turn;
    this.#index = Math.max(frame.index, known ?? 0);
    return true;
  }
}
