import { isolate } from "../emitter.ts";
import type { Session } from "../session.ts";
import type { SessionView } from "../view.ts";

/** A page nobody looks at has no animation frames. Its components are told of changes after this time instead. */
const UNSEEN_MS = 1_000;
/** A frame that took longer than this to draw is a slow one. */
const SLOW_MS = 16;
/** The longest rest. A frame seems to take minutes when the device slept or the page was hidden meanwhile. */
const MOST_REST_MS = 500;

/**
 * A session as a screen needs it: its view changes once per animation frame at most, however fast the frames of a session
 * come. A model that writes a thousand characters a second would otherwise make React render a thousand times a second: it
 * falls behind, and gives up with "Maximum update depth exceeded". Where drawing is slow, because of a long text or a slow
 * device, half of the time stays for everything else, a press of Stop above all. All components that show a session share one
 * of these, so that all of them show the same moment.
 */
class PacedSession<State extends object> {
  readonly #session: Session<State>;
  readonly #listeners = new Set<() => void>();
  /** What the components show; undefined while nobody is subscribed. */
  #shown: SessionView<State> | undefined;
  #unsubscribe: (() => void) | undefined;
  #cancel: (() => void) | undefined;
  /** No change is shown before this time of `performance.now()`. */
  #restUntil = 0;

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
    this.#cancel ??= atNextFrame(this.#restUntil - performance.now(), () => this.#show());
  };

  #show(): void {
    this.#cancel = undefined;
    const view = this.#session.get();
    if (view === this.#shown) return;
    this.#shown = view;
    const began = performance.now();
    for (const listener of this.#listeners) isolate(listener);
    // This task comes after the frame is drawn.
    setTimeout(() => {
      const took = performance.now() - began;
      this.#restUntil = took > SLOW_MS ? performance.now() + Math.min(took, MOST_REST_MS) : 0;
    });
  }

  #stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#shown = undefined;
  }
}

/**
 * Runs once, after `restMs`: with the next animation frame or, where none comes, a little later. Returns the function that
 * prevents it.
 */
function atNextFrame(restMs: number, run: () => void): () => void {
  const animated = typeof requestAnimationFrame === "function";
  let frame = 0;
  const cancel = (): void => {
    clearTimeout(rest);
    clearTimeout(unseen);
    if (animated) cancelAnimationFrame(frame);
  };
  const runOnce = (): void => {
    cancel();
    run();
  };
  const ask = (): void => {
    if (animated) frame = requestAnimationFrame(runOnce);
  };
  const unseen = setTimeout(runOnce, UNSEEN_MS + Math.max(0, restMs));
  const rest = restMs > 0 ? setTimeout(ask, restMs) : undefined;
  if (rest === undefined) ask();
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
