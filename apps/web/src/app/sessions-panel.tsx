import { useEffect, useRef } from "react";
import type { Identity } from "./identity.ts";
import { titleOf, type Removed, type SessionEntry } from "./session-list.ts";
import { SessionRow } from "./session-row.tsx";

interface SessionsPanelProps {
  identity: Identity;
  entries: readonly SessionEntry[];
  /** Name of the open one. */
  current: string | undefined;
  /** The one that was just taken off the list. */
  removed: Removed | undefined;
  onOpen: (entry: SessionEntry) => void;
  onNew: () => void;
  onRename: (name: string, title: string) => void;
  onRemove: (entry: SessionEntry) => void;
  onUndo: () => void;
  onSignOut: () => void;
}

/** The conversations this browser knows, and who is signed in. */
export function SessionsPanel(props: SessionsPanelProps) {
  const { identity, entries, current, removed } = props;
  const undo = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // The button that was pressed is gone with its row.
    if (removed !== undefined) undo.current?.focus();
  }, [removed]);
  return (
    <div className="sessions">
      <button type="button" onClick={props.onNew}>
        <span aria-hidden="true">+ </span>New conversation
      </button>
      <output className="removal">
        {removed === undefined ? null : (
          <>
            <span>
              “<bdi>{titleOf(removed.entry)}</bdi>” is off this browser’s list.
            </span>
            <button ref={undo} type="button" onClick={props.onUndo}>
              Undo
            </button>
          </>
        )}
      </output>
      <nav aria-label="Conversations">
        {entries.length === 0 ? <p className="muted">None yet in this browser.</p> : null}
        <ul>
          {entries.map((entry) => (
            <SessionRow
              key={entry.name}
              entry={entry}
              current={entry.name === current}
              onOpen={() => props.onOpen(entry)}
              onRename={(title) => props.onRename(entry.name, title)}
              onRemove={() => props.onRemove(entry)}
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
