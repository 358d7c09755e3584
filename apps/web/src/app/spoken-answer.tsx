import type { RunningTurn, Turn } from "@holdfast/contract";
import { useEffect, useRef, useState } from "react";
import { speak } from "./speech.ts";

interface SpokenAnswerProps {
  running: RunningTurn | null;
  last: Turn | undefined;
}

/** Tells screen readers the answer while it streams, a sentence at a time, and how the turn ended. Not visible. */
export function SpokenAnswer({ running, last }: SpokenAnswerProps) {
  const [sentences, setSentences] = useState<string[]>([]);
  // Turns that ended before this component was mounted are history, not news.
  const said = useRef({ turn: last?.turn ?? 0, length: 0, over: true });

  useEffect(() => {
    const heard = said.current;
    const now = running ?? last;
    if (now === undefined || (running === null && now.turn === heard.turn && heard.over)) return;
    const over = running === null;
    const fresh = now.turn !== heard.turn;
    const speech = speak(now.text, fresh ? 0 : heard.length, over);
    said.current = { turn: now.turn, length: speech.length, over };
    const ending = over && last !== undefined ? endingOf(last) : [];
    const news = [...speech.sentences, ...ending];
    if (news.length > 0) setSentences((before) => (fresh ? news : [...before, ...news]));
  }, [running, last]);

  return (
    <div className="visually-hidden" aria-live="polite">
      {sentences.map((sentence, place) => (
        <p key={place}>{sentence}</p>
      ))}
    </div>
  );
}

function endingOf(turn: Turn): string[] {
  switch (turn.outcome) {
    case "completed":
      return [];
    case "interrupted":
      return ["The answer was stopped."];
    case "failed":
      return [`The turn failed: ${turn.error?.message ?? "no reason was given"}`];
  }
}
