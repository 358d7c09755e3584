import type { SessionView } from "@holdfast/client";
import { useLayoutEffect, useRef, useState, type RefObject } from "react";

type Asked = "no" | "under way" | "failed";

interface Older {
  state: Asked;
  /** What became of it, for those who do not see it. */
  news: string;
  load: () => Promise<void>;
}

/** Turns before the first that is shown, when the reader asks for them. */
export function useOlderTurns({ turns }: SessionView<object>, onOlder: () => Promise<unknown>): Older {
  const [state, setState] = useState<Asked>("no");
  const first = turns[0]?.turn;
  const [shownFrom, setShownFrom] = useState(first);
  const [news, setNews] = useState("");
  if (shownFrom !== first) {
    setShownFrom(first);
    const isSame = turns.some(({ turn }) => turn === shownFrom);
    if (isSame && first !== undefined && shownFrom !== undefined && first < shownFrom) {
      setNews(`${shownFrom - first} earlier turns are shown above.`);
    }
  }

  async function load(): Promise<void> {
    if (state === "under way") return;
    setState("under way");
    try {
      await onOlder();
      setState("no");
    } catch (error) {
      console.warn(error);
      setState("failed");
    }
  }
  return { state, news, load };
}

interface OlderTurnsProps {
  older: Older;
  hasOlder: boolean;
  /** The session had turns before those that are shown. */
  isCut: boolean;
  viewport: RefObject<HTMLElement | null>;
}

/** Stands before the first turn. */
export function OlderTurns({ older: { state, load }, hasOlder, isCut, viewport }: OlderTurnsProps) {
  if (!hasOlder) return isCut ? <p className="notice">What was said before is not kept any more.</p> : null;
  return (
    <div className="older">
      <OlderButton isUnderWay={state === "under way"} onPress={() => void load()} viewport={viewport} />
      <p role="alert" className="failure">
        {state === "failed" ? "Earlier messages could not be loaded. Try again." : ""}
      </p>
    </div>
  );
}

interface OlderButtonProps {
  isUnderWay: boolean;
  onPress: () => void;
  viewport: RefObject<HTMLElement | null>;
}

function OlderButton({ isUnderWay, onPress, viewport }: OlderButtonProps) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    const shown = button.current;
    const scrolled = viewport.current;
    return () => {
      // The button goes once nothing is older; the focus it may have stays here.
      if (shown !== null && shown === document.activeElement) scrolled?.focus({ preventScroll: true });
    };
  }, [viewport]);
  return (
    <button ref={button} type="button" aria-disabled={isUnderWay} onClick={onPress}>
      {isUnderWay ? "Loading earlier messages…" : "Show earlier messages"}
    </button>
  );
}
