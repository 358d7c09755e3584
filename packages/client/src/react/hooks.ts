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
import type { HoldfastClient } from "../client.ts";
import type { ConnectionState } from "../connection.ts";
import type { Session } from "../session.ts";
import type { SessionView } from "../view.ts";
import { pacedSession } from "./paced-session.ts";

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
