import { useRef } from "react";
import { CopyButton } from "../copy-button.tsx";
import { GrowingText } from "./growing-text.tsx";
import { linePieces } from "./pieces.ts";

interface CodeBlockProps {
  code: string;
  /** As the text calls it; empty where it does not. */
  language: string;
  /** What it is, for those who do not see where it stands. */
  label?: string;
}

/** Code, or anything else that is shown to the letter, with a button that copies it. */
export function CodeBlock({ code, language, label = "Code" }: CodeBlockProps) {
  const text = useRef<HTMLPreElement>(null);
  const name = language === "" ? label : `${label}, ${language}`;
  return (
    <figure className="code-block" dir="ltr" aria-label={name}>
      <figcaption className="code-head">
        <span className="muted">{language}</span>
        <CopyButton text={code} what={`the ${label.toLowerCase()}`} shownIn={text} />
      </figcaption>
      {/* What scrolls must be reachable by keyboard. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre ref={text} tabIndex={0}>
        <code>
          {linePieces(code).map((piece, place) => (
            <GrowingText key={place} text={piece} className="lines" />
          ))}
        </code>
      </pre>
    </figure>
  );
}
