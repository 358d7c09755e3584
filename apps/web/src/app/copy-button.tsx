import { useEffect, useState, type RefObject } from "react";

type Copied = "no" | "yes" | "selected" | "failed";

const WORDS: Record<Copied, string> = {
  no: "",
  yes: "Copied",
  selected: "Selected: press Ctrl+C or ⌘C",
  failed: "Not copied: select it by hand",
};
const SHOWN_MS = 4_000;

interface CopyButtonProps {
  text: string;
  /** Names it for those who do not see where the button stands. */
  what: string;
  /** The element that shows the text. It is selected where the browser lets no page copy. */
  shownIn?: RefObject<HTMLElement | null>;
}

/** Copies a text, and says beside the button whether that worked. */
export function CopyButton({ text, what, shownIn }: CopyButtonProps) {
  const [copied, setCopied] = useState<Copied>("no");

  useEffect(() => {
    if (copied === "no") return;
    const timer = setTimeout(() => setCopied("no"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);

  async function copy(): Promise<void> {
    if ((await writeToClipboard(text)) || copySelected(text)) return setCopied("yes");
    setCopied(select(shownIn?.current ?? null) ? "selected" : "failed");
  }

  return (
    <span className="copy">
      <button type="button" className="quiet small" onClick={() => void copy()}>
        Copy<span className="visually-hidden"> {what}</span>
      </button>
      <output className="copy-status">{WORDS[copied]}</output>
    </span>
  );
}

/** False where there is no clipboard (pages that come neither from this machine nor by HTTPS), or no permission. */
async function writeToClipboard(text: string): Promise<boolean> {
  const clipboard: Clipboard | undefined = navigator.clipboard;
  if (clipboard === undefined) return false;
  return await clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}

/** The old way, which wants no permission: copies what is selected in a field. The focus is where it was afterwards. */
function copySelected(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "copied-text";
  field.readOnly = true;
  field.value = text;
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

function select(element: HTMLElement | null): boolean {
  if (element === null) return false;
  getSelection()?.selectAllChildren(element);
  return true;
}
