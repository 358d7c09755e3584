import type { Recovery } from "./recovery.ts";

/** What one kill did to the conversation, in numbers. */
export function RecoveryReport({ recovery }: { recovery: Recovery }) {
  return (
    <li className="recovery">
      <p>
        <strong>{recovery.child}</strong> killed at {recovery.when.toLocaleTimeString()}
        {recovery.midTurn ? ", in mid-sentence" : ", while idle"}
      </p>
      <dl className="facts">
        <dt>Next sign of life</dt>
        <dd>{recovery.nextFrameMs === undefined ? noFrame(recovery) : `after ${duration(recovery.nextFrameMs)}`}</dd>
        {recovery.midTurn ? (
          <>
            <dt>Longest silence</dt>
            <dd>{duration(recovery.silenceMs)}</dd>
            <dt>Shown text</dt>
            <dd>{textFate(recovery)}</dd>
          </>
        ) : null}
        <dt>Connection</dt>
        <dd>{connectionFate(recovery)}</dd>
        <dt>Process</dt>
        <dd>
          {recovery.backMs === undefined ? "being restarted" : `running again after ${duration(recovery.backMs)}`}
        </dd>
      </dl>
    </li>
  );
}

function noFrame(recovery: Recovery): string {
  return recovery.midTurn ? "none yet" : "nothing was due";
}

function textFate(recovery: Recovery): string {
  if (recovery.takenBack > 0) return `${recovery.takenBack} characters were taken back and written anew`;
  return recovery.turnOver ? "went on, nothing lost or repeated" : "intact so far";
}

function connectionFate(recovery: Recovery): string {
  if (!recovery.last.connected) return "lost, reconnecting";
  if (recovery.reconnects === 0) return "held";
  const times = recovery.reconnects === 1 ? "once" : `${recovery.reconnects} times`;
  return `reconnected ${times}, away for ${duration(recovery.offlineMs)}`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
