import type { ReactNode } from "react";

interface MessageProps {
  from: "user" | "agent";
  text: string;
  /** Shown under the text: delivery, outcome. */
  footer?: ReactNode;
}

/** One speech bubble. */
export function Message({ from, text, footer }: MessageProps) {
  return (
    <div className={`message message-${from}`}>
      <span className="visually-hidden">{from === "user" ? "You said: " : "The agent said: "}</span>
      <div className="bubble">{text}</div>
      {footer === undefined ? null : <div className="message-footer">{footer}</div>}
    </div>
  );
}
