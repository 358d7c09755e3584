import { useConnection, useHoldfast } from "@holdfast/client/react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Composer } from "./composer.tsx";
import { ConnectionBadge } from "./connection-badge.tsx";
import { isName, type Identity } from "./identity.ts";
import { NameField } from "./name-field.tsx";
import { Refusal } from "./refusal.tsx";
import { DEFAULT_AGENT } from "./session-desk.tsx";
import type { SessionList } from "./session-list.ts";
import { SkipLink } from "./skip-link.tsx";

interface StartPageProps {
  /** The address asked for something there is not. */
  lost: boolean;
  list: SessionList;
  sessions: ReactNode;
  identity: Identity;
  focusAtOnce: boolean;
  onOpen: (name: string, agent: string | undefined) => void;
}

/** All conversations, and a field to begin another one. */
export function StartPage({ lost, list, sessions, identity, focusAtOnce, onOpen }: StartPageProps) {
  const client = useHoldfast();
  const connection = useConnection();
  const [agent, setAgent] = useState(DEFAULT_AGENT);
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => client.start(), [client]);
  useEffect(() => {
    if (focusAtOnce) field.current?.focus();
    // Only when it is mounted: later the reader decides where the focus is.
    // oxlint-disable-next-line react/exhaustive-deps
  }, []);

  function begin(text: string): void {
    if (!isName(agent)) return;
    const name = list.newName();
    const chosen = agent === DEFAULT_AGENT ? undefined : agent;
    list.said(name, chosen, text);
    client.session(name, { lazy: true, agent }).send(text);
    onOpen(name, chosen);
  }

  return (
    <div className="workspace">
      <title>Conversations · Holdfast</title>
      <SkipLink />
      <header className="bar">
        <h1>Conversations</h1>
        <ConnectionBadge connection={connection} degraded={false} />
      </header>
      <main className="conversation">
        <div className="start">
          {lost ? (
            <p role="alert" className="failure">
              This address names no conversation. Choose one here, or begin a new one.
            </p>
          ) : null}
          {sessions}
          <details className="card">
            <summary>Talk to another agent</summary>
            <p className="muted">
              The next new conversation is with this agent. A link to a conversation may name one, too: add{" "}
              <code>?agent=</code> and its name to the address.
            </p>
            <NameField label="Agent" value={agent} onChange={setAgent} autoComplete="off" />
          </details>
        </div>
        <div className="conversation-notices">
          {connection.state === "refused" ? <Refusal error={connection.error} onRetry={() => client.start()} /> : null}
        </div>
        <Composer
          field={field}
          draftName={`${identity.tenant}/${identity.subject}/`}
          answer="none"
          onSend={begin}
          onStop={() => undefined}
        />
      </main>
    </div>
  );
}
