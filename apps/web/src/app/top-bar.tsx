import type { ConnectionState } from "@holdfast/client";
import { ConnectionBadge } from "./connection-badge.tsx";
import type { Panels } from "./panels.ts";

interface TopBarProps {
  title: string;
  connection: ConnectionState;
  degraded: boolean;
  panels: Panels;
  /** Whether there is a supervisor to ask for broken processes. */
  control: boolean;
}

/** The page's head: what is open, whether it is connected, and the panels' switches. */
export function TopBar({ title, connection, degraded, panels, control }: TopBarProps) {
  return (
    <header className="bar">
      <button type="button" aria-expanded={panels.sessions} onClick={panels.toggleSessions} aria-label="Conversations">
        <span aria-hidden="true">☰</span>
      </button>
      <h1 dir="auto" lang="">
        {title}
      </h1>
      <ConnectionBadge connection={connection} degraded={degraded} />
      <button type="button" aria-expanded={panels.end === "agent"} onClick={() => panels.toggleEnd("agent")}>
        Agent
      </button>
      {control ? (
        <button type="button" aria-expanded={panels.end === "break"} onClick={() => panels.toggleEnd("break")}>
          Break it
        </button>
      ) : null}
    </header>
  );
}
