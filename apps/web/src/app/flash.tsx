import { useState, type ReactNode } from "react";

interface FlashProps {
  /** The value shown. A change of it flashes. */
  of: string | number;
  /** Flash at once: the whole thing has just come to be. */
  isNew?: boolean;
  children: ReactNode;
}

/** Draws the eye to a value that has just changed. */
export function Flash({ of, isNew = false, children }: FlashProps) {
  const [shown, setShown] = useState({ value: of, changes: isNew ? 1 : 0 });
  if (shown.value !== of) setShown({ value: of, changes: shown.changes + 1 });
  // A new key makes a new element, which starts the animation again for every change.
  return (
    <span key={shown.changes} className={shown.changes === 0 ? undefined : "flash"}>
      {children}
    </span>
  );
}
