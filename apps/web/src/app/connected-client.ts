import { connect, indexedDbStorage, type HoldfastClient } from "@holdfast/client";
import { useMemo, useSyncExternalStore } from "react";
import type { Deployment } from "./deployment.ts";
import { fetchToken, type Identity } from "./identity.ts";

/** A client that lives while somebody is subscribed. What it could not send stays in IndexedDB for the next one. */
class ClientSource {
  readonly #deployment: Deployment;
  readonly #identity: Identity;
  #client: HoldfastClient | undefined;

  constructor(deployment: Deployment, identity: Identity) {
    this.#deployment = deployment;
    this.#identity = identity;
  }

  readonly get = (): HoldfastClient | undefined => this.#client;

  readonly subscribe = (): (() => void) => {
    const identity = this.#identity;
    const client = connect({
      url: this.#deployment.edges,
      token: () => fetchToken(identity),
      storage: indexedDbStorage({ scope: `${identity.tenant}/${identity.subject}` }),
      client: "holdfast-web",
    });
    client.on("problem", (error) => console.warn(`${error.code}: ${error.message}`));
    this.#client = client;
    return () => {
      this.#client = undefined;
      void client.close();
    };
  };
}

/** The client of whoever is signed in, from the component's mount to its end; undefined just before. */
export function useClient(deployment: Deployment, identity: Identity): HoldfastClient | undefined {
  const source = useMemo(() => new ClientSource(deployment, identity), [deployment, identity]);
  return useSyncExternalStore(source.subscribe, source.get);
}
