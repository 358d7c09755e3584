/** Listeners by event name. `on` returns the function that removes the listener. */
export class Emitter<Events extends Record<keyof Events, unknown[]>> {
  readonly #listeners: { [Name in keyof Events]?: Set<(...args: Events[Name]) => void> } = {};

  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): () => void {
    // Wrapped, so that one function registered twice is two registrations.
    const registered = (...args: Events[Name]): void => listener(...args);
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(registered);
    return () => listeners.delete(registered);
  }

  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    const listeners = this.#listeners[name];
    if (listeners === undefined) return;
    for (const listener of listeners) isolate(() => listener(...args));
  }
}

/**
 * Runs the application's code. What it throws surfaces as an uncaught error, but not inside the client: half-done
 * bookkeeping there would lose or repeat events.
 */
export function isolate(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
