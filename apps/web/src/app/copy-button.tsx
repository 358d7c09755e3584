import { useEffect, useState } from "react";

type Copied = "no" | "yes" | "failed";

const LABELS: Record<Copied, string> = { no: "Copy", yes: "Copied", failed: "Not copied: select it by hand" };
const SHOWN_MS = 4_000;

/** Copies a text; `what`: names it for those who do not see where the button stands. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState<Copied>("no");

  useEffect(() => {
    if (copied === "no") return;
    const timer = setTimeout(() => setCopied("no"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);

  function copy(): void {
    // Pages that do not come from this machine or by HTTPS have no clipboard.
    const clipboard: Clipboard | undefined = navigator.clipboard;
    if (clipboard === undefined) return setCopied("failed");
    clipboard.writeText(text).then(
      () => setCopied("yes"),
      () => setCopied("failed"),
    );
  }

  return (
    <button type="button" className="quiet small" onClick={copy}>
      <span aria-live="polite">{LABELS[copied]}</span>
      {copied === "no" ? <span className="visually-hidden"> {what}</span> : null}
    </button>
  );
}
