import type { PendingInput, SessionView } from "@holdfast/client";
import type { Turn } from "@holdfast/contract";
import { useState, type RefObject } from "react";
import { BegunAgain } from "./begun-again.ts";
import { KeepsPlace } from "./keeps-place.tsx";
import { useMe } from "./me.ts";
import { OlderTurns, useOlderTurns } from "./older-turns.tsx";
import { questionsInWords } from "./parts/open-questions.tsx";
import { PendingMessage } from "./pending-message.tsx";
import { Refusal } from "./refusal.tsx";
import { SpokenAnswer } from "./spoken-answer.tsx";
import { TurnArticle } from "./turn-article.tsx";
import { useWaiting } from "./waiting.ts";

interface TranscriptProps {
  view: SessionView<object>;
  viewport: RefObject<HTMLDivElement | null>;
  /** Whether the end is kept in sight. */
  follows: boolean;
  onFollow: () => void;
  /** The reader wants the answer stopped, and it has not ended yet. */
  stopping: boolean;
  /** Takes a message that was refused out of sight. */
  onDismiss: (message: PendingInput) => void;
  onRetry: (turn: Turn) => void;
  /** Asks for turns before those that are shown. */
  onOlder: () => Promise<unknown>;
}

const BEGUN_AGAIN =
  "The service began this conversation again. What stands above is what you saw before; the agent does not remember it.";

/** The conversation: committed turns, the one under way, and this browser's messages that no turn has taken yet. */
export function Transcript(props: TranscriptProps) {
  const { view, viewport, follows, stopping, onRetry } = props;
  const { turns, running, pending, delivery } = view;
  const me = useMe();
  const older = useOlderTurns(view, props.onOlder);
  const [begunAgain] = useState(() => new BegunAgain());
  const past = begunAgain.see(view);
  const waiting = useWaiting(view);
  const first = turns[0]?.turn ?? 1;
  const empty = turns.length === 0 && running === null && pending.length === 0;
  const quiet = running === null && pending.length === 0;
  const lastTurn = turns.at(-1);
  const asked = questionsInWords(view.questions, me);
  const shown = running === null ? turns : [...turns, running];

  function goToNewest(): void {
    props.onFollow();
    // The button goes; the focus it may have stays here.
    viewport.current?.focus({ preventScroll: true });
  }

  return (
    <div className="transcript-frame">
      <div
        ref={viewport}
        className="transcript"
        data-follows={follows}
        role="log"
        aria-live="off"
        aria-label="Conversation"
        // What scrolls must be reachable by keyboard, and not every browser sees to that.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
      >
        <KeepsPlace first={first} viewport={viewport} className="transcript-content">
          {past.length === 0 ? null : (
            <>
              <section className="past" aria-label="Before the conversation began again">
                {past.map((turn, place) => (
                  <TurnArticle key={place} turn={turn} />
                ))}
              </section>
              <p className="begun-again">{BEGUN_AGAIN}</p>
            </>
          )}
          <OlderTurns older={older} hasOlder={view.hasOlder} isCut={first > 1} viewport={viewport} />
          {delivery.state === "refused" ? <Refusal error={delivery.error} /> : null}
          {empty && past.length === 0 && delivery.state !== "refused" ? (
            <p className="notice">
              {view.agent === undefined ? "Opening the conversation…" : "Say something to begin."}
            </p>
          ) : null}
          {shown.map((turn) => (
            <TurnArticle key={turn.turn} turn={turn} onRetry={quiet && turn === lastTurn ? onRetry : undefined} />
          ))}
          {pending.map((message) => (
            <PendingMessage key={`${message.producer}/${message.seq}`} message={message} onDismiss={props.onDismiss} />
          ))}
          {stopping ? <p className="waiting">Stopping…</p> : null}
          {waiting.words === "" || stopping ? null : (
            <p className="waiting">
              {waiting.words}… {waiting.seconds} s
            </p>
          )}
        </KeepsPlace>
      </div>
      {follows ? null : (
        <button type="button" className="to-end" onClick={goToNewest}>
          <span aria-hidden="true">↓ </span>Jump to newest
        </button>
      )}
      {view.agent === undefined ? null : (
        // Anew for a conversation that begins again: its turns are numbered anew. What is there at first is no news.
        <SpokenAnswer
          key={past.length}
          running={running}
          last={lastTurn}
          me={me}
          notice={stopping ? "Stopping…" : asked === "" ? waiting.words : asked}
          news={older.news === "" && past.length > 0 ? BEGUN_AGAIN : older.news}
        />
      )}
    </div>
  );
}
