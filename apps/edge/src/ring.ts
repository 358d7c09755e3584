import type { Cursor } from "@holdfast/contract";
import type { EncodedFrame } from "./encoded-frame.ts";

export interface RingLimits {
  readonly frames: number;
  /** UTF-16 code units of JSON. */
  readonly length: number;
}

/** The newest frames of a feed, so that a reader a little behind is caught up without asking Redis. */
export class Ring {
  readonly #limits: RingLimits;
  #frames: EncodedFrame[] = [];
  #length = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  push(frame: EncodedFrame): void {
    this.#frames.push(frame);
    this.#length += frame.json.length;
    while (this.#frames.length > this.#limits.frames || this.#length > this.#limits.length) {
      const oldest = this.#frames.shift();
      if (oldest === undefined) return;
      this.#length -= oldest.json.length;
    }
  }

  has(id: Cursor): boolean {
    return this.#frames.some(({ frame }) => frame.id === id);
  }

  /** The frames after `cursor`, or undefined when the ring does not reach back that far. */
  after(cursor: Cursor): EncodedFrame[] | undefined {
    const first = this.#frames.findLastIndex(({ frame }) => frame.prev === cursor);
    return first < 0 ? undefined : this.#frames.slice(first);
  }

  clear(): void {
    this.#frames = [];
    this.#length = 0;
  }
}
