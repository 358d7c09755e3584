import type { JsonObject } from "@holdfast/contract";
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useMemo,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import type { HoldfastClient } from "./client.ts";
import type { ConnectionState } from "./connection.ts";
import { isolate } from "./emitter.ts";
import type { Session } from "./session.ts";
import type { SessionView } from "./view.ts";

const ClientContext = createContext<HoldfastClient | undefined>(undefined);

/** Gives `useSession` below it its client. The client is the caller's: make it once, outside of rendering. */
export function HoldfastProvider(props: { client: HoldfastClient; children?: ReactNode }): ReactNode {
  return createElement(ClientContext.Provider, { value: props.client }, props.children);
}

/** The client of the nearest `HoldfastProvider`. Throws where there is none. */
export function useHoldfast(): HoldfastClient {
  const client = useContext(ClientContext);
  if (client === undefined)
    throw new Error("useHoldfast: there is no <HoldfastProvider client={…}> above this component");
  return client;
}

export interface SessionInUse<State extends object> {
  view: SessionView<State>;
  session: Session<State>;
}

/**
 * Shows a session: renders again when its view has changed, once per animation frame at most. The session opens when the
 * component is mounted and closes some seconds after the last component that shows it is gone, when all it sent is durable.
 * On a server it renders the initial view and connects nothing.
 */
export function useSession<State extends object = JsonObject>(
  name: string,
  options: { agent?: string } = {},
): SessionInUse<State> {
  const client = useHoldfast();
  const { agent } = options;
  const session = useMemo(
    () => client.session<State>(name, { lazy: true, ...(agent !== undefined && { agent }) }),
    [client, name, agent],
  );
  const shown = pacedSession(session);
  const view = useSyncExternalStore(shown.subscribe, shown.get, shown.getInitial);
  return useMemo(() => ({ view, session }), [view, session]);
}

/**
 * One part of a session's view; renders again only when that part changes. `select` must return a part as it is, or a
 * primitive: what it makes anew on every call would never be the same.
 */
export function useSessionPart<State extends object, Part>(
  session: Session<State>,
  select: (view: SessionView<State>) => Part,
): Part {
  const shown = pacedSession(session);
  return useSyncExternalStore(
    shown.subscribe,
    () => select(shown.get()),
    () => select(shown.getInitial()),
  );
}

const IDLE: ConnectionState = { state: "idle" };

/** The client's connection, for a banner above all sessions. */
export function useConnection(): ConnectionState {
  const client = useHoldfast();
  const subscribe = useCallback((listener: () => void) => client.on("connection", listener), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.connection,
    () => IDLE,
  );
}

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

/** The paced session of this session: one and the same for as long as the session object lives. */
function pacedSession<State extends object>(session: Session<State>): PacedSession<State> {
  let found = paced.get(session);
  if (found === undefined) {
    found = new PacedSession<object>(session);
    paced.set(session, found);
  }
  trustState<State>(found);
  return found;
}

/** A paced session is kept under the session it was made of, so it shows that session's state. */
function trustState<State extends object>(_paced: PacedSession<object>): asserts _paced is PacedSession<State> {}
