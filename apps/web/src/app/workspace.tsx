import { HoldfastProvider } from "@holdfast/client/react";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useClient } from "./connected-client.ts";
import type { Deployment } from "./deployment.ts";
import { forgetDrafts } from "./draft.ts";
import type { Identity } from "./identity.ts";
import { Notice } from "./notice.tsx";
import { usePanels } from "./panels.ts";
import {
  addressOf,
  currentAddress,
  goInstead,
  goTo,
  onSessionAddress,
  placeOf,
  START_ADDRESS,
} from "./session-address.ts";
import { SessionDesk } from "./session-desk.tsx";
import { FIRST_SESSION, SessionList, type Removed, type SessionEntry } from "./session-list.ts";
import { SessionsPanel } from "./sessions-panel.tsx";
import { StartPage } from "./start-page.tsx";

interface WorkspaceProps {
  deployment: Deployment;
  identity: Identity;
  onSignOut: () => void;
}

/** What one signed-in person works with: one client, and the session the address names or the list of all of them. */
export function Workspace({ deployment, identity, onSignOut }: WorkspaceProps) {
  const client = useClient(deployment, identity);
  const panels = usePanels();
  const list = useMemo(() => new SessionList(identity), [identity]);
  const entries = useSyncExternalStore(list.saved.subscribe, list.saved.get);
  const address = useSyncExternalStore(onSessionAddress, currentAddress);
  const place = useMemo(() => placeOf(address), [address]);
  const [removed, setRemoved] = useState<Removed>();

  useEffect(() => {
    // There is nothing to choose from yet.
    if (placeOf(currentAddress()).at === "start" && list.saved.get().length === 0)
      goInstead(addressOf(FIRST_SESSION, undefined));
  }, [list]);

  function open(name: string, agent: string | undefined): void {
    setRemoved(undefined);
    if (!panels.docked) panels.closeSessions();
    goTo(addressOf(name, agent));
  }
  function remove(entry: SessionEntry): void {
    setRemoved(list.remove(entry.name));
    if (place.at === "session" && place.name === entry.name) goTo(START_ADDRESS);
  }
  function undo(): void {
    if (removed !== undefined) list.restore(removed);
    setRemoved(undefined);
  }
  function signOut(): void {
    list.forgetTitles();
    forgetDrafts();
    goInstead(START_ADDRESS);
    onSignOut();
  }

  if (client === undefined) return <Notice>Connecting…</Notice>;
  const sessions = (
    <SessionsPanel
      identity={identity}
      entries={entries}
      current={place.at === "session" ? place.name : undefined}
      removed={removed}
      onOpen={(entry) => open(entry.name, entry.agent)}
      onNew={() => open(list.newName(), undefined)}
      onRename={(name, title) => list.rename(name, title)}
      onRemove={remove}
      onUndo={undo}
      onSignOut={signOut}
    />
  );
  return (
    <HoldfastProvider client={client}>
      {place.at === "session" ? (
        <SessionDesk
          // Another agent under the same name is another question to the edge.
          key={`${place.name} ${place.agent ?? ""}`}
          name={place.name}
          agent={place.agent}
          entry={entries.find((entry) => entry.name === place.name)}
          list={list}
          sessions={sessions}
          identity={identity}
          panels={panels}
          control={deployment.control}
        />
      ) : (
        <StartPage
          lost={place.at === "nowhere"}
          list={list}
          sessions={sessions}
          identity={identity}
          focusAtOnce={panels.docked && removed === undefined}
          onOpen={open}
        />
      )}
    </HoldfastProvider>
  );
}
