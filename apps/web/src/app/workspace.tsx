import { HoldfastProvider } from "@holdfast/client/react";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { useClient } from "./connected-client.ts";
import type { Deployment } from "./deployment.ts";
import type { Identity } from "./identity.ts";
import { Notice } from "./notice.tsx";
import { usePanels } from "./panels.ts";
import { currentSession, onSessionAddress } from "./session-address.ts";
import { SessionDesk } from "./session-desk.tsx";
import { SessionList } from "./session-list.ts";

interface WorkspaceProps {
  deployment: Deployment;
  identity: Identity;
  onSignOut: () => void;
}

/** What one signed-in person works with: one client, and the session the address names. */
export function Workspace({ deployment, identity, onSignOut }: WorkspaceProps) {
  const client = useClient(deployment, identity);
  const panels = usePanels();
  const list = useMemo(() => new SessionList(identity), [identity]);
  const entries = useSyncExternalStore(list.saved.subscribe, list.saved.get);
  const current = useSyncExternalStore(onSessionAddress, () => currentSession(entries[0]?.name ?? "main"));
  useEffect(() => list.admit(current), [list, current]);

  if (client === undefined) return <Notice>Connecting…</Notice>;
  return (
    <HoldfastProvider client={client}>
      <SessionDesk
        name={current}
        entries={entries}
        list={list}
        identity={identity}
        panels={panels}
        control={deployment.control}
        onSignOut={onSignOut}
      />
    </HoldfastProvider>
  );
}
