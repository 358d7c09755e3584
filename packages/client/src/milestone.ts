import type { HoldfastError } from "./errors.ts";

/**
 * A promise for something that is reached or fails once. Made when first asked for, since most events of a burst are never
 * awaited; and never reported as unhandled, since a caller may be interested in one milestone and not in the other.
 */
export class Milestone {
  #outcome: "open" | "reached" | HoldfastError = "open";
  #deferred: PromiseWithResolvers<void> | undefined;

  get promise(): Promise<void> {
    if (this.#deferred === undefined) {
      this.#deferred = Promise.withResolvers<void>();
      this.#deferred.promise.catch(() => undefined);
      this.#settle();
    }
    return this.#deferred.promise;
  }

  reach(): void {
    this.#conclude("reached");
  }

  fail(error: HoldfastError): void {
    this.#conclude(error);
  }

  #conclude(outcome: "reached" | HoldfastError): void {
    if (this.#outcome !== "open") return;
    this.#outcome = outcome;
    this.#settle();
  }

  #settle(): void {
    if (this.#outcome === "open" || this.#deferred === undefined) return;
    if (this.#outcome === "reached") this.#deferred.resolve();
    else this.#deferred.reject(this.#outcome);
  }
}
