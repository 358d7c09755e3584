export interface StopSignal {
  /** Resolves with what asked us to stop. */
  readonly promise: Promise<string>;
  /** Called when we are asked a second time. */
  onAgain(listener: () => void): void;
}

/** Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started us (its IPC channel closes). */
export function untilStopped(): StopSignal {
  let asked = false;
  let again = (): void => {};
  const promise = new Promise<string>((resolve) => {
    const ask = (why: string): void => {
      if (asked) again();
      asked = true;
      resolve(why);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ask(signal));
    process.once("disconnect", () => ask("its starter is gone"));
    // Listening for `disconnect` would otherwise keep the process alive for ever.
    process.channel?.unref();
  });
  return {
    promise,
    onAgain: (listener) => {
      again = listener;
    },
  };
}
