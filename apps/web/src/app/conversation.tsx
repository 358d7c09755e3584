import type { Session, SessionView } from "@holdfast/client";
import { useEffect, useRef, useState } from "react";
import { Composer } from "./composer.tsx";
import { useInterruptKey } from "./interrupt-key.ts";
import { Transcript } from "./transcript.tsx";

interface ConversationProps {
  session: Session<object>;
  view: SessionView<object>;
  draftName: string;
  /** Put the cursor into the message field at once; not where that brings up a keyboard over half of the screen. */
  focusAtOnce: boolean;
  /** Called with every message that is sent. */
  onSend: (text: string) => void;
}

/** What is said in one session, and the field to say more. Mounted anew for another session. */
export function Conversation({ session, view, draftName, focusAtOnce, onSend }: ConversationProps) {
  const [failure, setFailure] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  const running = view.streaming !== null;

  useEffect(() => {
    if (focusAtOnce) field.current?.focus();
    // Only when it is mounted: later the reader decides where the focus is.
    // oxlint-disable-next-line react/exhaustive-deps
  }, []);

  function send(text: string): void {
    onSend(text);
    session.send(text);
  }
  function stop(): void {
    setFailure(undefined);
    session.interrupt().catch((error: unknown) => setFailure(`The answer was not stopped: ${String(error)}`));
  }
  useInterruptKey(running, stop);

  return (
    <main className="conversation">
      <Transcript view={view} onDismiss={session.dismiss} />
      <p role="alert" className="failure">
        {failure}
      </p>
      <Composer field={field} draftName={draftName} running={running} onSend={send} onStop={stop} />
    </main>
  );
}
