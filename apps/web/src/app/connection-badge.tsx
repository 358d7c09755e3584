import type { ConnectionState } from "@holdfast/client";

interface ConnectionBadgeProps {
  connection: ConnectionState;
  /** The edge cannot read the log: answers wait, what is sent is kept. */
  degraded: boolean;
}

/** Whether the page is connected, and to which edge. Announced when it changes. */
export function ConnectionBadge({ connection, degraded }: ConnectionBadgeProps) {
  const { health, label, detail } = describe(connection, degraded);
  return (
    <output className="connection" data-health={health} data-connection={connection.state} title={detail}>
      <span className="connection-label">{label}</span>
      <span className="connection-detail muted">{detail}</span>
    </output>
  );
}

interface Description {
  health: "good" | "waiting" | "bad";
  label: string;
  detail: string;
}

function describe(connection: ConnectionState, degraded: boolean): Description {
  switch (connection.state) {
    case "connected": {
      const detail = connection.node === undefined ? "" : `to ${connection.node}`;
      if (degraded) return { health: "waiting", label: "Delayed", detail: `${detail}; answers will catch up` };
      return { health: "good", label: "Connected", detail };
    }
    case "idle":
    case "connecting":
      return { health: "waiting", label: "Connecting…", detail: "" };
    case "waiting":
      return { health: "waiting", label: "Reconnecting…", detail: "what you send is kept" };
    case "refused":
      return { health: "bad", label: "Not connected", detail: "" };
    case "closed":
      return { health: "bad", label: "Not connected", detail: "" };
  }
}
