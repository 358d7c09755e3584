import { useSession } from "@holdfast/client/react";
import type { ConciergeState } from "@holdfast/workflows/agents/concierge";
import { useMemo, useRef, useState, useSyncExternalStore } from "react";
import { AgentPanel } from "./agent-panel.tsx";
import { BreakIt } from "./break-it.tsx";
import { Composer } from "./composer.tsx";
import { Demolition } from "./demolition.ts";
import type { Identity } from "./identity.ts";
import { useInterruptKey } from "./interrupt-key.ts";
import type { Panels } from "./panels.ts";
import { goToSession } from "./session-address.ts";
import { titleOf, type SessionEntry, type SessionList } from "./session-list.ts";
import { SessionsPanel } from "./sessions-panel.tsx";
import { SidePanel } from "./side-panel.tsx";
import { TopBar } from "./top-bar.tsx";
import { Transcript } from "./transcript.tsx";

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

/** One session, with all that stands around it. */
export function SessionDesk(props: SessionDeskProps) {
  const { name, entries, list, panels } = props;
  const { session, view } = useSession<ConciergeState>(name, { agent: AGENT });
  const [failure, setFailure] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  const running = view.streaming !== null;

  function send(text: string): void {
    list.nameAfter(name, text);
    session.send(text);
  }
  function stop(): void {
    setFailure(undefined);
    session.interrupt().catch((error: unknown) => setFailure(`The answer was not stopped: ${String(error)}`));
  }
  useInterruptKey(running, stop);

  const demolition = useMemo(() => new Demolition(session), [session]);
  const wreckage = useSyncExternalStore(demolition.subscribe, demolition.get);
  const entry = entries.find((candidate) => candidate.name === name) ?? { name };

  return (
    <div className="workspace">
      <a className="skip" href="#message" onClick={(event) => (event.preventDefault(), field.current?.focus())}>
        Skip to the message field
      </a>
      <TopBar
        title={titleOf(entry)}
        connection={view.connection}
        degraded={view.degraded}
        panels={panels}
        control={props.control}
      />
      <SidePanel
        title="Conversations"
        className="panel-start"
        docked={panels.docked}
        open={panels.sessions}
        onClose={panels.closeSessions}
      >
        <SessionsPanel
          identity={props.identity}
          entries={entries}
          current={name}
          onOpen={goToSession}
          onNew={() => goToSession(list.add())}
          onRename={(which, title) => list.rename(which, title)}
          onSignOut={props.onSignOut}
        />
      </SidePanel>
      <main className="conversation">
        <Transcript view={view} onDismiss={session.dismiss} />
        <p role="alert" className="failure">
          {failure}
        </p>
        <Composer field={field} running={running} onSend={send} onStop={stop} />
      </main>
      <SidePanel
        title="Agent"
        className="panel-end"
        docked={panels.docked}
        open={panels.end === "agent"}
        onClose={panels.closeEnd}
      >
        <AgentPanel state={view.state} version={view.version} onObserve={(fact, data) => session.observe(fact, data)} />
      </SidePanel>
      {props.control ? (
        <SidePanel
          title="Break it"
          className="panel-end"
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
