import { useCallback, useEffect, useRef, useState, type RefObject } from "react";

/** Fractions of a pixel: the browser rounds heights and does not round `scrollTop`. */
const ROUNDING = 2;
/** Whoever scrolls down to within a line of the end has come back to it. */
const LINE = 24;
const KEYS_UP: ReadonlySet<string> = new Set(["ArrowUp", "PageUp", "Home"]);

interface Following {
  /** Goes on the element that scrolls; its first child holds the content. */
  viewport: RefObject<HTMLDivElement | null>;
  /** The end is kept in sight. */
  follows: boolean;
  /** Brings the end into sight and keeps it there. */
  follow: () => void;
}

/**
 * Keeps the end of a growing content in sight until the reader moves away from it.
 *
 * Only the reader ends it: by input that goes up, or by a place that is above the last one without the content having
 * become shorter. The place is compared with the last *place*, never with the end: the end moves on between the program's
 * own scrolling and the event that tells of it, and a distance to it would look like the reader's doing.
 */
export function useFollowing(): Following {
  const viewport = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [follows, setFollows] = useState(true);

  const set = useCallback((value: boolean) => {
    following.current = value;
    setFollows(value);
  }, []);

  const follow = useCallback(() => {
    set(true);
    const element = viewport.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [set]);

  useEffect(() => {
    const element = viewport.current;
    const content = element?.firstElementChild;
    if (element === null || content === null || content === undefined) return;
    let place = element.scrollTop;
    let touchedAt: number | undefined;
    const end = (): number => element.scrollHeight - element.clientHeight;
    const leave = (): void => {
      if (element.scrollTop > 0) set(false);
    };

    const onScroll = (): void => {
      const before = place;
      place = element.scrollTop;
      const left = end() - place;
      // Content that became shorter takes the place up with it, and leaves it at the end.
      if (place < before && left > ROUNDING) set(false);
      else if (place > before && left < LINE) set(true);
    };
    // Input is heard before it scrolls: an answer that grows every frame would otherwise win against a slow hand.
    const onWheel = (event: WheelEvent): void => {
      if (event.deltaY < 0 && !event.ctrlKey && !event.shiftKey) leave();
    };
    const onKey = (event: KeyboardEvent): void => {
      if (KEYS_UP.has(event.key) || (event.key === " " && event.shiftKey && event.target === element)) leave();
    };
    const onTouchStart = (event: TouchEvent): void => {
      touchedAt = event.touches.length === 1 ? event.touches[0]?.clientY : undefined;
    };
    const onTouchMove = (event: TouchEvent): void => {
      const now = event.touches[0]?.clientY;
      if (touchedAt !== undefined && now !== undefined && now > touchedAt) leave();
    };
    const growth = new ResizeObserver(() => {
      // What fits into the window cannot be scrolled back to its end.
      if (!following.current && end() <= ROUNDING) set(true);
      if (!following.current) return;
      element.scrollTop = element.scrollHeight;
      place = element.scrollTop;
    });
    growth.observe(content);
    growth.observe(element);
    const listening = new AbortController();
    const options = { passive: true, signal: listening.signal };
    element.addEventListener("scroll", onScroll, options);
    element.addEventListener("wheel", onWheel, options);
    element.addEventListener("keydown", onKey, options);
    element.addEventListener("touchstart", onTouchStart, options);
    element.addEventListener("touchmove", onTouchMove, options);
    return () => {
      growth.disconnect();
      listening.abort();
    };
  }, [set]);

  return { viewport, follows, follow };
}
