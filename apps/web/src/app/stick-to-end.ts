import { useCallback, useEffect, useRef, useState, type RefObject } from "react";

/** Pixels from the end that still count as the end: fractions of pixels and a line's slack. */
const SLACK = 24;

interface StickToEnd {
  /** Goes on the element that scrolls; its first child holds the content. */
  viewport: RefObject<HTMLDivElement | null>;
  atEnd: boolean;
  goToEnd: () => void;
}

/** Keeps a growing content's end in view, until the reader scrolls away from it. */
export function useStickToEnd(): StickToEnd {
  const viewport = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  const [atEnd, setAtEnd] = useState(true);

  const goToEnd = useCallback(() => {
    const element = viewport.current;
    if (element === null) return;
    sticks.current = true;
    element.scrollTop = element.scrollHeight;
  }, []);

  useEffect(() => {
    const element = viewport.current;
    const content = element?.firstElementChild;
    if (element === null || content === null || content === undefined) return;
    const onScroll = (): void => {
      sticks.current = element.scrollHeight - element.scrollTop - element.clientHeight < SLACK;
      setAtEnd(sticks.current);
    };
    const growth = new ResizeObserver(() => {
      if (sticks.current) goToEnd();
    });
    growth.observe(content);
    growth.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      growth.disconnect();
      element.removeEventListener("scroll", onScroll);
    };
  }, [goToEnd]);

  return { viewport, atEnd, goToEnd };
}
