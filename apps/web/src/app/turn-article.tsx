import type { Question, RunningTurn, Turn } from "@holdfast/contract";
import { Fragment, memo } from "react";
import { Delivery } from "./delivery.tsx";
import { endingOf } from "./ending.ts";
import { useMe } from "./me.ts";
import { Message } from "./message.tsx";
import { Answer } from "./parts/answer.tsx";
import { exchangesOf } from "./parts/exchanges.ts";
import { OpenQuestions } from "./parts/open-questions.tsx";

const NO_QUESTIONS: readonly Question[] = [];

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
  const questions = "outcome" in turn ? NO_QUESTIONS : turn.questions;
  const running = ended === undefined;
  const exchanges = exchangesOf(turn);
  return (
    // Not announced word by word (`aria-busy`): `SpokenAnswer` reads it out in sentences.
    <article
      className="turn"
      data-turn={turn.turn}
      data-outcome={ended?.outcome ?? "running"}
      data-waiting={questions.length > 0}
      aria-busy={running && questions.length === 0}
    >
      {exchanges.map((exchange, place) => (
        <Fragment key={place}>
          {exchange.inputs.map((input) => (
            <Message
              key={`${input.by}/${input.producer}/${input.seq}`}
              by={input.by}
              origin={input.origin}
              text={input.text}
              files={input.files}
              footer={<Delivery status="applied" />}
            />
          ))}
          <Answer exchange={exchange} questions={questions} />
        </Fragment>
      ))}
      <OpenQuestions questions={questions} />
      {ended === undefined ? null : <Outcome turn={ended} onRetry={onRetry} />}
    </article>
  );
});

function Outcome({ turn, onRetry }: { turn: Turn; onRetry: TurnArticleProps["onRetry"] }) {
  const ending = endingOf(turn, useMe());
  if (ending === undefined) return null;
  const retry = ending.retry && onRetry !== undefined && turn.inputs.some(({ origin }) => origin === "user");
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
