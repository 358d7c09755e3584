import type { Identity } from "./identity.ts";
import type { SessionEntry } from "./session-list.ts";
import { SessionRow } from "./session-row.tsx";

interface SessionsPanelProps {
  identity: Identity;
  entries: readonly SessionEntry[];
  current: string;
  onOpen: (name: string) => void;
  onNew: () => void;
  onRename: (name: string, title: string) => void;
  onSignOut: () => void;
}

/** The sessions this browser knows, and who is signed in. */
export function SessionsPanel(props: SessionsPanelProps) {
  const { identity, entries, current } = props;
  return (
    <div className="sessions">
      <button type="button" onClick={props.onNew}>
        <span aria-hidden="true">+ </span>New conversation
      </button>
      <nav aria-label="Conversations">
        <ul>
          {entries.map((entry) => (
            <SessionRow
              key={entry.name}
              entry={entry}
              current={entry.name === current}
              onOpen={() => props.onOpen(entry.name)}
              onRename={(title) => props.onRename(entry.name, title)}
            />
          ))}
        </ul>
      </nav>
      <p className="who">
        <span>
          {identity.subject} <span className="muted">@ {identity.tenant}</span>
        </span>
        <button type="button" className="quiet" onClick={props.onSignOut}>
          Sign out
        </button>
      </p>
    </div>
  );
}
