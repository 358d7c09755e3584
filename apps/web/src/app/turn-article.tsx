import type { RunningTurn, Turn } from "@holdfast/contract";
import { memo } from "react";
import { Delivery } from "./delivery.tsx";
import { endingOf } from "./ending.ts";
import { Message } from "./message.tsx";

interface TurnArticleProps {
  turn: Turn | RunningTurn;
  /** Says its messages again. Only where that makes sense: at the end of the conversation. */
  onRetry?: ((turn: Turn) => void) | undefined;
}

/**
 * A turn: what was said, what was answered, and how it ended. It stays the same element when it ends, with what is selected
 * in it. Memoized: committed turns do not change.
 */
export const TurnArticle = memo(function TurnArticle({ turn, onRetry }: TurnArticleProps) {
  const ended = "outcome" in turn ? turn : undefined;
  const running = ended === undefined;
  return (
    // Not announced word by word (`aria-busy`): `SpokenAnswer` reads it out in sentences.
    <article className="turn" data-turn={turn.turn} data-outcome={ended?.outcome ?? "running"} aria-busy={running}>
      {turn.inputs.map((input) => (
        <Message
          key={`${input.producer}/${input.seq}`}
          from="user"
          text={input.text}
          footer={<Delivery status="applied" />}
        />
      ))}
      {turn.text === "" ? null : <Message from="agent" text={turn.text} whole={!running} />}
      {running && turn.text === "" ? <Thinking /> : null}
      {ended === undefined ? null : <Outcome turn={ended} onRetry={onRetry} />}
    </article>
  );
});

function Thinking() {
  return (
    <div className="message message-agent">
      <div className="bubble thinking">
        <span className="visually-hidden">The agent is thinking</span>
        <i aria-hidden="true" />
        <i aria-hidden="true" />
        <i aria-hidden="true" />
      </div>
    </div>
  );
}

function Outcome({ turn, onRetry }: { turn: Turn; onRetry: TurnArticleProps["onRetry"] }) {
  const ending = endingOf(turn);
  if (ending === undefined) return null;
  const retry = ending.retry && onRetry !== undefined && turn.inputs.length > 0;
  return (
    <div className={`outcome outcome-${ending.kind}`}>
      <p>
        <strong>{ending.title}</strong> {ending.advice}
      </p>
      {ending.details === undefined ? null : (
        <details>
          <summary>Details for whoever runs this service</summary>
          <p dir="auto">{ending.details}</p>
        </details>
      )}
      {retry ? (
        <button type="button" onClick={() => onRetry(turn)}>
          Try again
        </button>
      ) : null}
    </div>
  );
}
