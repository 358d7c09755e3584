import { useState, type ReactNode } from "react";

interface FoldProps {
  summary: ReactNode;
  className?: string;
  children: ReactNode;
}

/**
 * Something that is shown when the reader wants to see it, and stays as the reader left it. What is inside is made when it is opened for
 * the first time.
 */
export function Fold({ summary, className, children }: FoldProps) {
  const [isMade, setMade] = useState(false);
  return (
    <details className={className} onToggle={(event) => setMade(isMade || event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isMade ? children : null}
    </details>
  );
}
