import { useLayoutEffect, useRef, useState } from "react";

interface GrowingTextProps {
  text: string;
  className?: string | undefined;
}

/**
 * A text in an element of its own. What comes is added to the text that is there: a text set anew with every piece would take back
 * what the reader has just selected.
 */
export function GrowingText({ text, className }: GrowingTextProps) {
  const element = useRef<HTMLSpanElement>(null);
  // React sets it once; from then on the element's text is not React's.
  const [first] = useState(text);
  useLayoutEffect(() => {
    if (element.current !== null) grow(element.current, text);
  }, [text]);
  return (
    <span ref={element} className={className}>
      {first}
    </span>
  );
}

/** Makes `text` the element's text, in place where it only continues it. */
export function grow(element: HTMLElement, text: string): void {
  const node = element.firstChild;
  if (!(node instanceof Text) || !text.startsWith(node.data)) element.textContent = text;
  else if (text.length > node.data.length) node.appendData(text.slice(node.data.length));
}
