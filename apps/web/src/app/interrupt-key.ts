import { useEffect, useEffectEvent } from "react";

/** Esc stops the answer under way, wherever the focus is, unless Esc has a nearer meaning there. */
export function useInterruptKey(enabled: boolean, interrupt: () => void): void {
  const onEscape = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
    // An open dialog closes by Esc; that is what is meant then.
    if (document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    interrupt();
  });
  useEffect(() => {
    if (!enabled) return;
    const listener = (event: KeyboardEvent): void => onEscape(event);
    window.addEventListener("keydown", listener);
    return () => window.removeEventListener("keydown", listener);
  }, [enabled]);
}
