import { useEffect, useId, useState } from "react";
import type { Child } from "./children.ts";
import type { DemolitionView } from "./demolition.ts";
import { RecoveryReport } from "./recovery-report.tsx";

interface BreakItProps {
  view: DemolitionView;
  /** The edge this page is connected to. */
  connectedTo: string | undefined;
  /** Keeps the list of processes fresh until the returned function is called. */
  watch: () => () => void;
  /** `midSentence`: wait until an answer streams, asking for one if need be. */
  onKill: (child: Child, midSentence: boolean) => void;
}

/** Development only: kills processes of the stack and shows how the conversation takes it. */
export function BreakIt({ view, connectedTo, watch, onKill }: BreakItProps) {
  const [midSentence, setMidSentence] = useState(true);
  const option = useId();
  useEffect(() => watch(), [watch]);
  return (
    <div className="break-it">
      <p className="muted">
        Each button kills a part of this service at once; it is started again by itself. Watch the conversation: nothing
        should be lost.
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
      {/* Before the list: what one has just done must not happen out of sight. */}
      <Reports recoveries={view.recoveries} />
      <ul className="child-list">
        {view.processes.map((child) => (
          <li key={child.name} data-child={child.name} data-state={child.state}>
            <span className="child-name">{child.name}</span>
            <span className="muted">
              {child.state}
              {child.restarts > 0 ? `, restarted ${child.restarts}×` : ""}
              {child.name === connectedTo ? <strong className="own-edge"> · you are connected to it</strong> : null}
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
    </div>
  );
}

/** The newest one; the others on demand. */
function Reports({ recoveries }: Pick<DemolitionView, "recoveries">) {
  const [newest, ...older] = recoveries;
  if (newest === undefined) return null;
  return (
    <section aria-label="What happened">
      <ol className="recovery-list">
        <RecoveryReport key={newest.killedAt} recovery={newest} />
      </ol>
      {older.length === 0 ? null : (
        <details>
          <summary>Before that ({older.length})</summary>
          <ol className="recovery-list">
            {older.map((recovery) => (
              <RecoveryReport key={recovery.killedAt} recovery={recovery} />
            ))}
          </ol>
        </details>
      )}
    </section>
  );
}
