import { createContext, createElement, useContext, type ReactNode } from "react";
import type { HoldfastClient } from "../client.ts";

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
