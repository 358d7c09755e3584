import { useSession } from "@holdfast/client/react";
import type { ConciergeState } from "@holdfast/workflows/agents/concierge";
import { useMemo, useSyncExternalStore } from "react";
import { AgentPanel } from "./agent-panel.tsx";
import { BreakIt } from "./break-it.tsx";
import { Conversation } from "./conversation.tsx";
import { Demolition } from "./demolition.ts";
import type { Identity } from "./identity.ts";
import type { Panels } from "./panels.ts";
import { goToSession } from "./session-address.ts";
import { titleOf, type SessionEntry, type SessionList } from "./session-list.ts";
import { SessionsPanel } from "./sessions-panel.tsx";
import { SidePanel } from "./side-panel.tsx";
import { SkipLink } from "./skip-link.tsx";
import { TopBar } from "./top-bar.tsx";

const AGENT = "concierge";
/** What is asked so that there is a sentence to be killed in the middle of. */
const LONG_QUESTION =
  "Tell me at length how a lighthouse keeper in Brest spent a stormy night in December, from dusk until the morning.";

interface SessionDeskProps {
  name: string;
  entries: readonly SessionEntry[];
  list: SessionList;
  identity: Identity;
  panels: Panels;
  /** Whether there is a supervisor to ask for broken processes. */
  control: boolean;
  onSignOut: () => void;
}

/** The open session, with all that stands around it. */
export function SessionDesk({ name, entries, list, identity, panels, control, onSignOut }: SessionDeskProps) {
  const { session, view } = useSession<ConciergeState>(name, { agent: AGENT });
  const demolition = useMemo(() => new Demolition(session), [session]);
  const wreckage = useSyncExternalStore(demolition.subscribe, demolition.get);
  const title = titleOf(entries.find((entry) => entry.name === name) ?? { name });
  const loaded = view.agent !== undefined;

  function open(which: string): void {
    if (!panels.docked) panels.closeSessions();
    goToSession(which);
  }

  return (
    <div className="workspace">
      <title>{`${title} · Holdfast`}</title>
      <SkipLink />
      <TopBar title={title} connection={view.connection} degraded={view.degraded} panels={panels} control={control} />
      <SidePanel
        title="Conversations"
        side="start"
        docked={panels.docked}
        open={panels.sessions}
        onClose={panels.closeSessions}
      >
        <SessionsPanel
          identity={identity}
          entries={entries}
          current={name}
          onOpen={open}
          onNew={() => open(list.add())}
          onRename={(which, newTitle) => list.rename(which, newTitle)}
          onSignOut={onSignOut}
        />
      </SidePanel>
      <Conversation
        key={name}
        session={session}
        view={view}
        draftName={`${identity.tenant}/${identity.subject}/${name}`}
        focusAtOnce={panels.docked}
        onSend={(text) => list.nameAfter(name, text)}
      />
      <SidePanel
        title="Agent"
        side="end"
        docked={panels.docked}
        open={panels.end === "agent"}
        onClose={panels.closeEnd}
      >
        {/* Mounted anew once the state is here: what is in it from the start is no news. */}
        <AgentPanel
          key={`${name} ${loaded}`}
          state={view.state}
          version={view.version}
          onObserve={(fact, data) => session.observe(fact, data)}
        />
      </SidePanel>
      {control ? (
        <SidePanel
          title="Break it"
          side="end"
          docked={panels.docked}
          open={panels.end === "break"}
          onClose={panels.closeEnd}
        >
          <BreakIt
            view={wreckage}
            watch={demolition.watch}
            onKill={(child, midSentence) => demolition.kill(child, midSentence, LONG_QUESTION)}
          />
        </SidePanel>
      ) : null}
    </div>
  );
}
