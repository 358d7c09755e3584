import type { SessionView } from "@holdfast/client";
import { textOf, type RunningTurn } from "@holdfast/contract";
import { useEffect, useState } from "react";

/** A pause this long is an ordinary one, and is not spoken of. */
const PATIENCE_SECONDS = 5;

interface Waiting {
  /** What is waited for, in words; empty while nothing is, or not for long. */
  words: string;
  seconds: number;
}

/** What a conversation waits for, once it has waited for a while. Counted by this page: it changes once a second. */
export function useWaiting(view: SessionView<object>): Waiting {
  const { running } = view;
  const oldest = view.pending.find(({ status }) => status === "durable");
  const awaited =
    running !== null ? awaitedOf(running) : oldest !== undefined ? `${oldest.producer}/${oldest.seq}` : undefined;
  const seconds = useSecondsOf(awaited);
  if (awaited === undefined || seconds < PATIENCE_SECONDS) return { words: "", seconds: 0 };
  return { words: wordsFor(view), seconds };
}

/** What the next sign of life of a turn would change. A question is waited for by a person, who is told of it in other words. */
function awaitedOf({ turn, index, questions }: RunningTurn): string | undefined {
  return questions.length > 0 ? undefined : `${turn}/${index}`;
}

function wordsFor({ connection, degraded, running }: SessionView<object>): string {
  if (connection.state !== "connected") return "Not connected. The answer goes on once the connection is back";
  if (degraded) return "Answers are delayed. They will catch up by themselves";
  if (running === null) return "Still waiting for the agent to begin";
  if (running.attempt > 1) return `Trying again (attempt ${running.attempt})`;
  const last = running.parts.at(-1);
  if (last?.type === "tool" && last.state === "running") return `Still waiting for a tool, ${last.name}`;
  return textOf(running) === "" ? "Still waiting for an answer" : "Still waiting for the rest of the answer";
}

/** How long `what` has been the same, in whole seconds. Tells only of seconds worth telling, so a stream renders nothing. */
function useSecondsOf(what: string | undefined): number {
  const [counted, setCounted] = useState({ what, seconds: 0 });
  useEffect(() => {
    if (what === undefined) return;
    const since = performance.now();
    const timer = setInterval(() => {
      const seconds = Math.floor((performance.now() - since) / 1000);
      if (seconds >= PATIENCE_SECONDS) setCounted({ what, seconds });
    }, 1000);
    return () => clearInterval(timer);
  }, [what]);
  return counted.what === what ? counted.seconds : 0;
}
