import type { PendingInput, SessionView } from "@holdfast/client";
import { PendingMessage } from "./pending-message.tsx";
import { SpokenAnswer } from "./spoken-answer.tsx";
import { RunningArticle, TurnArticle } from "./turn-article.tsx";
import { useStickToEnd } from "./stick-to-end.ts";

interface TranscriptProps {
  view: SessionView<object>;
  /** Takes a message that was refused out of sight. */
  onDismiss: (message: PendingInput) => void;
}

/** The conversation: committed turns, the one under way, and this browser's messages that no turn has taken yet. */
export function Transcript({ view, onDismiss }: TranscriptProps) {
  const { turns, streaming, pending, delivery } = view;
  const { viewport, atEnd, goToEnd } = useStickToEnd();
  const dropped = (turns[0]?.turn ?? 1) - 1;
  const empty = turns.length === 0 && streaming === null && pending.length === 0;
  return (
    <div className="transcript-frame">
      <div
        ref={viewport}
        className="transcript"
        role="log"
        aria-live="off"
        aria-label="Conversation"
        // What scrolls must be reachable by keyboard, and not every browser sees to that.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
      >
        <div className="transcript-content">
          {dropped > 0 ? <p className="notice">{dropped} earlier turns are not shown.</p> : null}
          {delivery.state === "refused" ? (
            <p className="notice failure" role="alert">
              The edge does not open this session ({delivery.error.code}): {delivery.error.message}
            </p>
          ) : null}
          {empty && delivery.state !== "refused" ? (
            <p className="notice">{view.agent === undefined ? "Opening the session…" : "Say something to begin."}</p>
          ) : null}
          {turns.map((turn) => (
            <TurnArticle key={turn.turn} turn={turn} />
          ))}
          {streaming === null ? null : <RunningArticle key={streaming.turn} running={streaming} />}
          {pending.map((message) => (
            <PendingMessage key={`${message.producer}/${message.seq}`} message={message} onDismiss={onDismiss} />
          ))}
        </div>
      </div>
      {atEnd ? null : (
        <button type="button" className="to-end" onClick={goToEnd}>
          <span aria-hidden="true">↓ </span>Latest
        </button>
      )}
      <SpokenAnswer running={streaming} last={turns.at(-1)} />
    </div>
  );
}
