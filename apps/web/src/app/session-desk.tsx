import { useHoldfast, useSession } from "@holdfast/client/react";
import { useEffect, useMemo, useSyncExternalStore, type ReactNode } from "react";
import { AgentPanel } from "./agent-panel.tsx";
import { BreakIt } from "./break-it.tsx";
import { Conversation } from "./conversation.tsx";
import { Demolition } from "./demolition.ts";
import type { Identity } from "./identity.ts";
import { Me } from "./me.ts";
import type { Panels } from "./panels.ts";
import { oneLine } from "./plain-text.ts";
import { titleOf, type SessionEntry, type SessionList } from "./session-list.ts";
import { SidePanel } from "./side-panel.tsx";
import { SkipLink } from "./skip-link.tsx";
import { TopBar } from "./top-bar.tsx";

/** Whom one talks to unless the address names somebody else. */
export const DEFAULT_AGENT = "concierge";
/** What is asked so that there is a sentence to be killed in the middle of. */
const LONG_QUESTION =
  "Tell me at length how a lighthouse keeper in Brest spent a stormy night in December, from dusk until the morning.";

interface SessionDeskProps {
  name: string;
  agent: string | undefined;
  /** As it is listed; undefined before something was said. */
  entry: SessionEntry | undefined;
  list: SessionList;
  /** The list of conversations. */
  sessions: ReactNode;
  identity: Identity;
  panels: Panels;
  /** Whether there is a supervisor to ask for broken processes. */
  control: boolean;
}

/** The open session, with all that stands around it. */
export function SessionDesk({ name, agent, entry, list, sessions, identity, panels, control }: SessionDeskProps) {
  const client = useHoldfast();
  const { session, view } = useSession(name, { agent: agent ?? DEFAULT_AGENT });
  const demolition = useMemo(() => new Demolition(session), [session]);
  const wreckage = useSyncExternalStore(demolition.subscribe, demolition.get);
  const title = titleOf(entry);
  const loaded = view.agent !== undefined;
  const first = view.turns[0] ?? view.running;
  const begun = first?.turn === 1 ? first.inputs[0]?.text : first === null ? undefined : "";

  useEffect(() => {
    if (begun !== undefined) list.seen(name, agent, begun);
  }, [list, name, agent, begun]);

  const refused = view.delivery.state === "refused";
  useEffect(() => {
    // The client keeps a session under its name. One that was refused must not stand in the way of another try.
    if (refused) return () => void session.close();
    return undefined;
  }, [refused, session]);

  return (
    <div className="workspace">
      {/* A browser's tab has no markup that would keep a title's direction to itself. */}
      <title>{`${oneLine(title)} · Holdfast`}</title>
      <SkipLink />
      <TopBar title={title} connection={view.connection} degraded={view.degraded} panels={panels} control={control} />
      <SidePanel
        title="Conversations"
        side="start"
        docked={panels.docked}
        open={panels.sessions}
        onClose={panels.closeSessions}
      >
        {sessions}
      </SidePanel>
      <Me value={identity.subject}>
        <Conversation
          session={session}
          view={view}
          draftName={`${identity.tenant}/${identity.subject}/${name}`}
          focusAtOnce={panels.docked}
          onSend={(text) => list.said(name, agent, text)}
          onReconnect={() => client.start()}
        />
      </Me>
      <SidePanel
        title="Agent"
        side="end"
        docked={panels.docked}
        open={panels.end === "agent"}
        onClose={panels.closeEnd}
      >
        {/* Mounted anew once the state is here: what is in it from the start is no news. */}
        <AgentPanel
          key={`${loaded}`}
          agent={view.agent}
          state={view.state}
          version={view.version}
          onObserve={(fact, data) => session.observe(fact, data)}
        />
      </SidePanel>
      {control ? (
        <SidePanel
          title="Break it"
          side="end"
          // A dialog would hide the conversation, which is what one wants to watch.
          docked
          open={panels.end === "break"}
          onClose={panels.closeEnd}
        >
          <BreakIt
            view={wreckage}
            connectedTo={view.connection.state === "connected" ? view.connection.node : undefined}
            watch={demolition.watch}
            onKill={(child, midSentence) => demolition.kill(child, midSentence, LONG_QUESTION)}
          />
        </SidePanel>
      ) : null}
    </div>
  );
}
