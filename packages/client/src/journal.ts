import type { Event } from "@holdfast/contract";
import { clientError, type HoldfastError } from "./errors.ts";
import type { ProducerStore } from "./outbox-storage.ts";

/**
 * Writes one outbox's changes to its store: one write at a time, whatever came meanwhile in the next one. Sending does not
 * wait for it, and a store that fails costs only what it is there for: events are then kept by this page alone.
 */
export class Journal {
  readonly #claim: () => Promise<ProducerStore>;
  readonly #problem: (error: HoldfastError) => void;
  readonly #unsaved = new Map<number, Event>();
  readonly #stale = new Set<number>();
  #writing: Promise<void> | undefined;
  #store: Promise<ProducerStore> | undefined;
  #failed = false;

  /** `store`: one that is claimed already, or how to claim it with the first event: who only listens claims nothing. */
  constructor(store: ProducerStore | (() => Promise<ProducerStore>), problem: (error: HoldfastError) => void) {
    const claimed = typeof store !== "function";
    this.#claim = claimed ? () => Promise.resolve(store) : store;
    this.#store = claimed ? Promise.resolve(store) : undefined;
    this.#problem = problem;
  }

  save(event: Event): void {
    this.#unsaved.set(event.seq, event);
    this.#write();
  }

  /** The event need not be kept any more. */
  remove(seq: number): void {
    // Not even begun to be saved: then there is nothing to remove.
    if (!this.#unsaved.delete(seq)) this.#stale.add(seq);
    this.#write();
  }

  /** Resolves when all is written and the producer may be claimed by others. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#store !== undefined) await this.#guarded((store) => store.release());
  }

  #write(): void {
    if (this.#writing === undefined && this.#dirty) this.#writing = this.#drain();
  }

  get #dirty(): boolean {
    return !this.#failed && this.#unsaved.size + this.#stale.size > 0;
  }

  async #drain(): Promise<void> {
    while (this.#dirty) {
      await this.#guarded(async (store) => {
        const events = [...this.#unsaved.values()];
        const seqs = [...this.#stale];
        this.#unsaved.clear();
        this.#stale.clear();
        if (events.length > 0) await store.save(events);
        if (seqs.length > 0) await store.remove(seqs);
      });
    }
    // In the same step as the check above: a change that came in between would never be written.
    this.#writing = undefined;
  }

  async #guarded(use: (store: ProducerStore) => Promise<void>): Promise<void> {
    try {
      await use(await (this.#store ??= this.#claim()));
    } catch (error) {
      if (!this.#failed) this.#problem(clientError("storage_unavailable", String(error), error));
      this.#failed = true;
    }
  }
}
