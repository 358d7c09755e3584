import type { RunningTurn, Turn } from "@holdfast/contract";
import { memo } from "react";
import { Delivery } from "./delivery.tsx";
import { Message } from "./message.tsx";

/** A committed turn: what was said, what was answered, and how it ended. Memoized: committed turns do not change. */
export const TurnArticle = memo(function TurnArticle({ turn }: { turn: Turn }) {
  return (
    <article className="turn" data-turn={turn.turn} data-outcome={turn.outcome}>
      <Inputs inputs={turn.inputs} />
      {turn.text === "" ? null : <Message from="agent" text={turn.text} />}
      <Outcome turn={turn} />
    </article>
  );
});

function Outcome({ turn }: { turn: Turn }) {
  switch (turn.outcome) {
    case "completed":
      return null;
    case "interrupted":
      return (
        <p className="outcome">
          <span aria-hidden="true">■ </span>Stopped{turn.text === "" ? " before the first word" : ""}
        </p>
      );
    case "failed":
      return (
        <p className="outcome outcome-failed">
          <strong>This turn failed</strong> ({turn.error?.code ?? "unknown"}):{" "}
          {turn.error?.message ?? "no reason was given"}
        </p>
      );
  }
}

/** The turn under way. Not announced word by word (`aria-busy`): `SpokenAnswer` reads it out in sentences. */
export function RunningArticle({ running }: { running: RunningTurn }) {
  return (
    <article className="turn" data-turn={running.turn} data-outcome="running" aria-busy="true">
      <Inputs inputs={running.inputs} />
      {running.text === "" ? (
        <div className="message message-agent">
          <div className="bubble thinking">
            <span className="visually-hidden">The agent is thinking</span>
            <i aria-hidden="true" />
            <i aria-hidden="true" />
            <i aria-hidden="true" />
          </div>
        </div>
      ) : (
        <Message from="agent" text={running.text} />
      )}
    </article>
  );
}

function Inputs({ inputs }: { inputs: Turn["inputs"] }) {
  return inputs.map((input) => (
    <Message
      key={`${input.producer}/${input.seq}`}
      from="user"
      text={input.text}
      footer={<Delivery status="applied" />}
    />
  ));
}
