import { textOf, type RunningTurn, type Turn } from "@holdfast/contract";
import { useEffect, useRef } from "react";
import { Announcer } from "./announcer.ts";
import { endingOf } from "./ending.ts";

interface SpokenAnswerProps {
  running: RunningTurn | null;
  last: Turn | undefined;
  me: string;
  /** Words beside the answer, each said when it changes. */
  notice: string;
  news: string;
}

/**
 * Tells screen readers the answer while it streams, and how the turn ended. Not visible. The region's content is not
 * React's: state that changes with every piece of an answer makes React render in circles.
 */
export function SpokenAnswer({ running, last, me, notice, news }: SpokenAnswerProps) {
  const region = useRef<HTMLDivElement>(null);
  const announcer = useRef<Announcer>(undefined);
  const heard = useRef(last?.turn ?? 0);

  useEffect(() => {
    if (region.current === null) return;
    const made = new Announcer(region.current, heard.current);
    announcer.current = made;
    return () => made.stop();
  }, []);

  useEffect(() => {
    if (last !== undefined) {
      const ending = endingOf(last, me);
      const words = ending === undefined ? "" : `${ending.title} ${ending.advice}`.trim();
      announcer.current?.tell({ turn: last.turn, text: textOf(last), over: true }, words);
    }
    if (running !== null) announcer.current?.tell({ turn: running.turn, text: textOf(running), over: false }, "");
  }, [running, last, me]);

  useEffect(() => {
    if (notice !== "") announcer.current?.say(notice);
  }, [notice]);

  useEffect(() => {
    if (news !== "") announcer.current?.say(news);
  }, [news]);

  return <div ref={region} className="visually-hidden spoken" aria-live="polite" />;
}
