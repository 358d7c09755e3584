import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { titleOf, type SessionEntry } from "./session-list.ts";

interface SessionRowProps {
  entry: SessionEntry;
  current: boolean;
  onOpen: () => void;
  onRename: (title: string) => void;
  onRemove: () => void;
}

/** One session in the list: opens it, renames it in place (Enter takes the name, Esc leaves it), or takes it off the list. */
export function SessionRow({ entry, current, onOpen, onRename, onRemove }: SessionRowProps) {
  const [renaming, setRenaming] = useState(false);
  const pencil = useRef<HTMLButtonElement>(null);
  const title = titleOf(entry);

  function finish(newTitle: string | undefined) {
    if (newTitle !== undefined) onRename(newTitle);
    setRenaming(false);
    // The field that had the focus is gone; the next frame has the button again.
    requestAnimationFrame(() => pencil.current?.focus());
  }

  return (
    <li className="session-row">
      {renaming ? (
        <TitleField title={title} onFinish={finish} />
      ) : (
        <>
          <button type="button" className="session-open" aria-current={current ? "page" : undefined} onClick={onOpen}>
            <span className="session-title" dir="auto" lang="">
              {title}
            </span>
          </button>
          {entry.at === undefined ? null : (
            <time className="session-time muted" dateTime={new Date(entry.at).toISOString()}>
              {timeOf(entry.at)}
            </time>
          )}
          <button
            ref={pencil}
            type="button"
            className="quiet"
            aria-label={`Rename “${title}”`}
            onClick={() => setRenaming(true)}
          >
            ✎
          </button>
          <button type="button" className="quiet" aria-label={`Remove “${title}” from the list`} onClick={onRemove}>
            ✕
          </button>
        </>
      )}
    </li>
  );
}

/** The hour of what was today, else the day. */
function timeOf(at: number): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

function TitleField({ title, onFinish }: { title: string; onFinish: (title: string | undefined) => void }) {
  const [draft, setDraft] = useState(title);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    onFinish(draft);
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Escape") return;
    // Neither the answer under way nor the panel is meant.
    event.preventDefault();
    event.stopPropagation();
    onFinish(undefined);
  }

  return (
    <form className="session-rename" onSubmit={onSubmit}>
      <input
        ref={field}
        value={draft}
        dir="auto"
        maxLength={80}
        aria-label={`New name for “${title}”`}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <button type="submit">Rename</button>
    </form>
  );
}
