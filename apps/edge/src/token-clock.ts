/** How long before a token's end its bearer is told, unless a third of its life is less. */
const NOTICE_MS = 60_000;
/** setTimeout takes a longer delay for none at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** SPEC connect-5: says that a connection's token is about to end, and that it has ended. */
export class TokenClock {
  readonly #onExpiring: (inMs: number) => void;
  readonly #onExpired: () => void;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(onExpiring: (inMs: number) => void, onExpired: () => void) {
    this.#onExpiring = onExpiring;
    this.#onExpired = onExpired;
  }

  /** Starts, or starts anew with a renewed token's end (Unix milliseconds; undefined: none). */
  set(expiresAt: number | undefined): void {
    clearTimeout(this.#timer);
    if (expiresAt === undefined || this.#hasEnded) return;
    const left = expiresAt - Date.now();
    const notice = Math.min(NOTICE_MS, left / 3);
    this.#at(expiresAt - notice, () => {
      this.#onExpiring(Math.max(0, Math.round(expiresAt - Date.now())));
      this.#at(expiresAt, this.#onExpired);
    });
  }

  /** For good: a token may still be in renewal when its connection ends, and its timer would keep both until it expires. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #at(time: number, action: () => void): void {
    const left = Math.max(0, time - Date.now());
    this.#timer = setTimeout(
      () => {
        if (time - Date.now() > 0) this.#at(time, action);
        else action();
      },
      Math.min(left, LONGEST_TIMER_MS),
    );
  }
}
