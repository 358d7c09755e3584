import { useEffect, useId, useState } from "react";
import type { Child } from "./children.ts";
import type { DemolitionView } from "./demolition.ts";
import { RecoveryReport } from "./recovery-report.tsx";

interface BreakItProps {
  view: DemolitionView;
  /** Keeps the list of processes fresh until the returned function is called. */
  watch: () => () => void;
  /** `midSentence`: wait until an answer streams, asking for one if need be. */
  onKill: (child: Child, midSentence: boolean) => void;
}

/** Development only: kills processes of the stack and shows how the conversation takes it. */
export function BreakIt({ view, watch, onKill }: BreakItProps) {
  const [midSentence, setMidSentence] = useState(true);
  const option = useId();
  useEffect(() => watch(), [watch]);
  return (
    <div className="break-it">
      <p className="muted">
        Each button kills a process (SIGKILL); the supervisor starts it again. Watch the conversation: nothing should be
        lost.
      </p>
      <p className="check">
        <input
          id={option}
          type="checkbox"
          checked={midSentence}
          onChange={(event) => setMidSentence(event.target.checked)}
        />
        <label htmlFor={option}>In mid-sentence (asks a question first when no answer is under way)</label>
      </p>
      <p role="alert" className="failure">
        {view.failure}
      </p>
      <ul className="child-list">
        {view.processes.map((child) => (
          <li key={child.name} data-child={child.name} data-state={child.state}>
            <span className="child-name">{child.name}</span>
            <span className="muted">
              {child.state}
              {child.restarts > 0 ? `, restarted ${child.restarts}×` : ""}
            </span>
            <button
              type="button"
              className="danger"
              aria-disabled={view.armed !== undefined}
              onClick={view.armed === undefined ? () => onKill(child, midSentence) : undefined}
            >
              {view.armed?.name === child.name ? "Waiting…" : "Kill"}
              <span className="visually-hidden"> {child.name}</span>
            </button>
          </li>
        ))}
      </ul>
      {view.recoveries.length === 0 ? null : <h3>What happened</h3>}
      <ol className="recovery-list">
        {view.recoveries.map((recovery) => (
          <RecoveryReport key={recovery.killedAt} recovery={recovery} />
        ))}
      </ol>
    </div>
  );
}
