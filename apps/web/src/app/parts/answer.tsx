import type { Question } from "@holdfast/contract";
import { memo, type ReactNode } from "react";
import { CopyButton } from "../copy-button.tsx";
import { textOfExchange, type Exchange, type PlacedPart } from "./exchanges.ts";
import { PartView } from "./part-view.tsx";
import { SourceView } from "./source-view.tsx";

interface AnswerProps {
  exchange: Exchange;
  /** What the turn waits for. */
  questions: readonly Question[];
}

/** What the agent made of what was said: its words, and what it did between them. */
export function Answer({ exchange, questions }: AnswerProps) {
  const { parts, isRunning } = exchange;
  const text = textOfExchange(exchange);
  const isThinking = isRunning && questions.length === 0 && !showsThatItRuns(parts.at(-1));
  if (parts.length === 0) return isThinking ? <Thinking /> : null;
  return (
    <div className="message message-agent">
      <span className="visually-hidden">The agent said: </span>
      <div className="bubble" dir="auto" lang="">
        {runsOf(parts).map((run) => (
          <Run key={run[0]?.key} run={run} isRunning={isRunning} questions={questions} />
        ))}
        {isThinking ? <Dots /> : null}
      </div>
      {isRunning || text === "" ? null : (
        <div className="message-footer">
          <CopyButton text={text} what="the answer" />
        </div>
      )}
    </div>
  );
}

function showsThatItRuns(last: PlacedPart | undefined): boolean {
  if (last === undefined || !last.isGrowing) return false;
  const { part } = last;
  return part.type === "text" || part.type === "reasoning" || (part.type === "tool" && part.state !== "done");
}

/** Sources that follow each other make one list; anything else stands alone. */
function runsOf(parts: readonly PlacedPart[]): PlacedPart[][] {
  const runs: PlacedPart[][] = [];
  for (const placed of parts) {
    const run = runs.at(-1);
    if (placed.part.type === "source" && run?.[0]?.part.type === "source") run.push(placed);
    else runs.push([placed]);
  }
  return runs;
}

interface RunProps extends Pick<AnswerProps, "questions"> {
  isRunning: boolean;
  run: readonly PlacedPart[];
}

function Run({ run, isRunning, questions }: RunProps): ReactNode {
  const [first] = run;
  if (first === undefined) return null;
  if (first.part.type === "source") {
    return (
      <section className="part sources">
        <h2>Sources</h2>
        <ul>{run.map(({ key, part }) => (part.type === "source" ? <SourceView key={key} source={part} /> : null))}</ul>
      </section>
    );
  }
  const { part, isGrowing } = first;
  const question = part.type === "tool" ? questions.find(({ id }) => id === part.question) : undefined;
  return <PartView part={part} isGrowing={isGrowing} isRunning={isRunning} question={question} />;
}

const Thinking = memo(function Thinking() {
  return (
    <div className="message message-agent">
      <div className="bubble thinking">
        <Dots />
      </div>
    </div>
  );
});

function Dots() {
  return (
    <span className="dots">
      <span className="visually-hidden">The agent is thinking</span>
      <i aria-hidden="true" />
      <i aria-hidden="true" />
      <i aria-hidden="true" />
    </span>
  );
}
