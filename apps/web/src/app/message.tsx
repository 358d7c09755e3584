import { useLayoutEffect, useRef, type ReactNode } from "react";
import { CopyButton } from "./copy-button.tsx";

interface MessageProps {
  from: "user" | "agent";
  text: string;
  /** Shown under the text: delivery, outcome. */
  footer?: ReactNode;
  /** The text is all there will be of it. */
  whole?: boolean;
}

/** One speech bubble. */
export function Message({ from, text, footer, whole = true }: MessageProps) {
  return (
    <div className={`message message-${from}`}>
      <span className="visually-hidden">{from === "user" ? "You said: " : "The agent said: "}</span>
      <GrowingText text={text} />
      <div className="message-footer">
        {footer}
        {whole ? <CopyButton text={text} what={from === "user" ? "your message" : "the answer"} /> : null}
      </div>
    </div>
  );
}

/**
 * A person's or a model's words: of any language and direction, each line by its own. What comes is added to the text that
 * is there; a text set anew with every piece would take back what the reader has just selected.
 */
function GrowingText({ text }: { text: string }) {
  const bubble = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = bubble.current;
    if (element === null) return;
    const node = element.firstChild;
    if (node instanceof Text && text.startsWith(node.data)) {
      if (text.length > node.data.length) node.appendData(text.slice(node.data.length));
    } else {
      element.textContent = text;
    }
  }, [text]);
  return <div ref={bubble} className="bubble" dir="auto" lang="" />;
}
