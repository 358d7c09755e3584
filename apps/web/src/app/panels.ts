import { useState } from "react";
import { useMediaQuery } from "./media-query.ts";

/** Of the panels at the end of the page one is open at most: there is no room for both beside a conversation. */
export type EndPanel = "agent" | "break";

interface Open {
  docked: boolean;
  sessions: boolean;
  end: EndPanel | undefined;
}

export interface Panels extends Readonly<Open> {
  toggleSessions: () => void;
  toggleEnd: (panel: EndPanel) => void;
  closeSessions: () => void;
  closeEnd: () => void;
}

/** A page with room begins with the panels one wants to see, a narrow one with none. */
function atFirst(docked: boolean): Open {
  return { docked, sessions: docked, end: docked ? "agent" : undefined };
}

/** Which panels are open. `docked`: they stand beside the conversation; else they are dialogs over it. */
export function usePanels(): Panels {
  const docked = useMediaQuery("(width >= 60rem)");
  const [chosen, setChosen] = useState(() => atFirst(docked));
  // What was opened beside the conversation is not wanted over it, nor the other way round.
  const open = chosen.docked === docked ? chosen : atFirst(docked);
  return {
    ...open,
    toggleSessions: () => setChosen({ ...open, sessions: !open.sessions }),
    toggleEnd: (panel) => setChosen({ ...open, end: open.end === panel ? undefined : panel }),
    closeSessions: () => setChosen({ ...open, sessions: false }),
    closeEnd: () => setChosen({ ...open, end: undefined }),
  };
}
