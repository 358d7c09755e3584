import { isolate } from "../emitter.ts";
import type { Session } from "../session.ts";
import type { SessionView } from "../view.ts";

/** A page nobody looks at has no animation frames. Its components are told of changes after this time instead. */
const UNSEEN_MS = 1_000;

/**
 * A session as a screen needs it: its view changes once per animation frame at most, however fast the frames of a session
 * come. A model that writes a thousand characters a second would otherwise make React render a thousand times a second: it
 * falls behind, and gives up with "Maximum update depth exceeded". All components that show a session share one of these, so
 * that all of them show the same moment.
 */
class PacedSession<State extends object> {
  readonly #session: Session<State>;
  readonly #listeners = new Set<() => void>();
  /** What the components show; undefined while nobody is subscribed. */
  #shown: SessionView<State> | undefined;
  #unsubscribe: (() => void) | undefined;
  #cancel: (() => void) | undefined;

  constructor(session: Session<State>) {
    this.#session = session;
  }

  readonly get = (): SessionView<State> => this.#shown ?? this.#session.get();

  readonly getInitial = (): SessionView<State> => this.#session.getInitial();

  readonly subscribe = (listener: () => void): (() => void) => {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const subscriber = (): void => listener();
    this.#listeners.add(subscriber);
    if (this.#unsubscribe === undefined) {
      this.#unsubscribe = this.#session.subscribe(this.#changed);
      this.#shown = this.#session.get();
    }
    return () => {
      if (this.#listeners.delete(subscriber) && this.#listeners.size === 0) this.#stop();
    };
  };

  readonly #changed = (): void => {
    this.#cancel ??= atNextFrame(() => this.#show());
  };

  #show(): void {
    this.#cancel = undefined;
    const view = this.#session.get();
    if (view === this.#shown) return;
    this.#shown = view;
    for (const listener of this.#listeners) isolate(listener);
  }

  #stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#shown = undefined;
  }
}

/** Runs once: with the next animation frame or, where none comes, a little later. Returns the function that prevents it. */
function atNextFrame(run: () => void): () => void {
  const animated = typeof requestAnimationFrame === "function";
  const cancel = (): void => {
    clearTimeout(timer);
    if (animated) cancelAnimationFrame(frame);
  };
  const runOnce = (): void => {
    cancel();
    run();
  };
  const timer = setTimeout(runOnce, UNSEEN_MS);
  const frame = animated ? requestAnimationFrame(runOnce) : 0;
  return cancel;
}

const paced = new WeakMap<Session<object>, PacedSession<object>>();

/** The one of this session, for as long as the session object lives. */
export function pacedSession<State extends object>(session: Session<State>): PacedSession<State> {
  let found = paced.get(session);
  if (found === undefined) {
    found = new PacedSession<object>(session);
    paced.set(session, found);
  }
  trustState<State>(found);
  return found;
}

/** It was made of the session it is kept under, so what it shows is that session's. */
function trustState<State extends object>(_paced: PacedSession<object>): asserts _paced is PacedSession<State> {}
