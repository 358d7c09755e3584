import type { Session, SessionView } from "@holdfast/client";
import type { Turn } from "@holdfast/contract";
import { useEffect, useRef, useState } from "react";
import { Composer } from "./composer.tsx";
import { useFollowing } from "./following.ts";
import { useInterruptKey } from "./interrupt-key.ts";
import { Refusal } from "./refusal.tsx";
import { Transcript } from "./transcript.tsx";

interface ConversationProps {
  session: Session<object>;
  view: SessionView<object>;
  draftName: string;
  /** Put the cursor into the message field at once; not where that brings up a keyboard over half of the screen. */
  focusAtOnce: boolean;
  /** Called with every message that is sent. */
  onSend: (text: string) => void;
  /** Asks for a connection that was refused. */
  onReconnect: () => void;
}

/** What is said in one session, and the field to say more. Mounted anew for another session. */
export function Conversation({ session, view, draftName, focusAtOnce, onSend, onReconnect }: ConversationProps) {
  const [failure, setFailure] = useState<string>();
  /** The turn that was told to stop. */
  const [stopped, setStopped] = useState<number>();
  const field = useRef<HTMLTextAreaElement>(null);
  const { viewport, follows, follow } = useFollowing();
  const { running, connection } = view;
  const stopping = running !== null && running.turn === stopped;
  const answer = running === null ? "none" : stopping ? "stopping" : "running";

  useEffect(() => {
    if (focusAtOnce) field.current?.focus();
    // Only when it is mounted: later the reader decides where the focus is.
    // oxlint-disable-next-line react/exhaustive-deps
  }, []);

  function send(text: string): void {
    onSend(text);
    session.send(text);
    follow();
  }
  function retry(turn: Turn): void {
    for (const { text, data, origin } of turn.inputs) {
      // What no person said comes again by itself, or not at all.
      if (origin !== "user") continue;
      session.send(text, data === undefined ? {} : { data });
    }
    follow();
    field.current?.focus({ preventScroll: true });
  }
  function stop(): void {
    if (running === null) return;
    const { turn } = running;
    setFailure(undefined);
    // Shown at once: the answer of a busy service may take a while, and a button that does nothing is pressed again.
    setStopped(turn);
    session.interrupt({ turn }).catch((error: unknown) => {
      setStopped(undefined);
      console.warn(error);
      setFailure("The answer could not be stopped. Try again.");
    });
  }
  useInterruptKey(answer === "running", stop);

  return (
    <main className="conversation">
      <Transcript
        view={view}
        viewport={viewport}
        follows={follows}
        onFollow={follow}
        stopping={stopping}
        onDismiss={session.dismiss}
        onRetry={retry}
        onOlder={session.history}
      />
      <div className="conversation-notices">
        {connection.state === "refused" ? <Refusal error={connection.error} onRetry={onReconnect} /> : null}
        <p role="alert" className="failure">
          {failure}
        </p>
      </div>
      <Composer field={field} draftName={draftName} answer={answer} onSend={send} onStop={stop} />
    </main>
  );
}
