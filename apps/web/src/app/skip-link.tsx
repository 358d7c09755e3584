import type { MouseEvent } from "react";
import { MESSAGE_FIELD } from "./composer.tsx";

/** First in the tab order, visible once it has the focus. */
export function SkipLink() {
  function onClick(event: MouseEvent) {
    // The address's fragment names the session; following the link would leave it.
    event.preventDefault();
    document.getElementById(MESSAGE_FIELD)?.focus();
  }
  return (
    <a className="skip" href={`#${MESSAGE_FIELD}`} onClick={onClick}>
      Skip to the message field
    </a>
  );
}
