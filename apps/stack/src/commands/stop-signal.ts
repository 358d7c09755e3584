export interface StopSignal {
  /** Resolves with what asked us to stop. */
  readonly promise: Promise<string>;
  /** Aborted when we are asked to stop. */
  readonly stop: AbortSignal;
  /** Aborted when a person will not wait for it any longer. */
  readonly hurry: AbortSignal;
}

/**
 * One wish to stop comes as several signals: a terminal, `timeout` and service managers signal the whole process group, and
 * npm and our bootstrap pass on what they get as well. So only Ctrl-C counts a second time, and not within this many
 * milliseconds of the first.
 */
const ONE_WISH_MS = 1_000;

/** Ctrl-C, SIGTERM, a closed terminal, or the death of the process that started us (its IPC channel closes). */
export function untilStopped(): StopSignal {
  const stop = new AbortController();
  const hurry = new AbortController();
  let askedAt: number | undefined;
  const promise = new Promise<string>((resolve) => {
    const ask = (why: string): void => {
      askedAt ??= performance.now();
      resolve(why);
      stop.abort();
    };
    process.on("SIGINT", () => {
      if (askedAt !== undefined && performance.now() - askedAt > ONE_WISH_MS) hurry.abort();
      ask("Ctrl-C");
    });
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => ask(signal));
    process.once("disconnect", () => ask("its starter is gone"));
    // Listening for `disconnect` would otherwise keep the process alive for ever.
    process.channel?.unref();
  });
  // A terminal that was closed and a reader that went away take no more lines; what was begun has to end in order all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  return { promise, stop: stop.signal, hurry: hurry.signal };
}
