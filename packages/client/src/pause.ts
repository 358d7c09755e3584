/** A wait that can be cut short: because the network is back, or because what waits is to stop. */
export class Pause {
  #wake: (() => void) | undefined;

  /** `ms` undefined: until woken. */
  async wait(ms: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Ends the wait under way, if any. */
  wake(): void {
    this.#wake?.();
  }
}
