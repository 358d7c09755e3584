import type { z } from "zod";

/**
 * One JSON value in localStorage, shared by all tabs of this browser. What cannot be read (storage is blocked, another
 * version of the page wrote it, somebody edited it) counts as `initial`; what cannot be written is kept in memory.
 */
export class SavedValue<T> {
  readonly #key: string;
  readonly #schema: z.ZodType<T>;
  readonly #initial: T;
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(key: string, schema: z.ZodType<T>, initial: T) {
    this.#key = key;
    this.#schema = schema;
    this.#initial = initial;
    this.#value = this.#read();
  }

  /** The same object until the value changes, as `useSyncExternalStore` wants it. */
  readonly get = (): T => this.#value;

  readonly set = (value: T): void => {
    this.#value = value;
    try {
      localStorage.setItem(this.#key, JSON.stringify(value));
    } catch {
      // Storage is full or blocked: this tab goes on with what it has in memory.
    }
    for (const listener of this.#listeners) listener();
  };

  /** Calls `listener` after every change, by this tab or another. */
  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.#listeners.size === 0) window.addEventListener("storage", this.#onStorage);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) window.removeEventListener("storage", this.#onStorage);
    };
  };

  readonly #onStorage = (event: StorageEvent): void => {
    // `key` is null when the whole storage was cleared.
    if (event.key !== this.#key && event.key !== null) return;
    this.#value = this.#read();
    for (const listener of this.#listeners) listener();
  };

  #read(): T {
    try {
      const raw = localStorage.getItem(this.#key);
      const parsed = this.#schema.safeParse(raw === null ? undefined : JSON.parse(raw));
      return parsed.success ? parsed.data : this.#initial;
    } catch {
      return this.#initial;
    }
  }
}
