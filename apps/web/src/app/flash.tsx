import { useState, type ReactNode } from "react";

interface FlashProps {
  /** The value shown. A change of it flashes; what was there from the start does not. */
  of: string | number;
  children: ReactNode;
}

/** Draws the eye to a value that has just changed. */
export function Flash({ of, children }: FlashProps) {
  const [shown, setShown] = useState({ value: of, changes: 0 });
  if (shown.value !== of) setShown({ value: of, changes: shown.changes + 1 });
  // A new key makes a new element, which starts the animation again for every change.
  return (
    <span key={shown.changes} className={shown.changes === 0 ? undefined : "flash"}>
      {children}
    </span>
  );
}
