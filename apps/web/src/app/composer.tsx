import { LIMITS } from "@holdfast/contract";
import { useId, useState, type FormEvent, type KeyboardEvent, type RefObject } from "react";
import { Draft } from "./draft.ts";

interface ComposerProps {
  field: RefObject<HTMLTextAreaElement | null>;
  /** Names the draft: one per person and session. */
  draftName: string;
  /** `running`: there is an answer to stop. `stopping`: it was told to stop, and has not ended yet. */
  answer: "none" | "running" | "stopping";
  onSend: (text: string) => void;
  onStop: () => void;
}

/** For the link that skips to it. */
export const MESSAGE_FIELD = "message";

const encoder = new TextEncoder();

/** Where one writes. Enter sends, Shift+Enter makes a line; sending is possible at any time, also while disconnected. */
export function Composer({ field, draftName, answer, onSend, onStop }: ComposerProps) {
  const [kept] = useState(() => new Draft(draftName));
  const [draft, setDraft] = useState(() => kept.read());
  const advice = useId();
  const tooLong = encoder.encode(draft).length > LIMITS.inputTextBytes;
  const sendable = draft.trim() !== "" && !tooLong;

  function write(text: string) {
    setDraft(text);
    kept.write(text);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!sendable) return;
    onSend(draft.trim());
    write("");
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    // Enter also ends the composition of, say, a Japanese word; that must not send.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  }

  return (
    <form className="composer" onSubmit={submit} aria-label="Write a message">
      <textarea
        ref={field}
        id={MESSAGE_FIELD}
        rows={1}
        value={draft}
        dir="auto"
        aria-label="Message"
        aria-describedby={advice}
        aria-invalid={tooLong}
        placeholder="Message"
        enterKeyHint="send"
        onChange={(event) => write(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {/*
        Never `disabled`, and hidden only where it has no focus: a button that vanishes under the keyboard takes the focus
        with it.
      */}
      <button
        type="button"
        className="stop"
        data-answer={answer}
        aria-disabled={answer !== "running"}
        aria-keyshortcuts="Escape"
        aria-label={answer === "stopping" ? "Stopping…" : "Stop"}
        title="Stop the answer (Esc)"
        onClick={answer === "running" ? onStop : undefined}
      >
        <span aria-hidden="true">■</span>
        <span className="stop-label" aria-hidden="true">
          {answer === "stopping" ? " Stopping…" : " Stop"}
        </span>
      </button>
      <button type="submit" className="primary" disabled={!sendable}>
        Send
      </button>
      <p id={advice} className="advice">
        {tooLong ? `A message may have ${LIMITS.inputTextBytes / 1024} KiB; shorten it or send it in parts.` : ""}
      </p>
    </form>
  );
}
