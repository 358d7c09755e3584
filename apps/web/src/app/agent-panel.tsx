import { useMemo } from "react";
import { ConciergeView, conciergeStateSchema } from "./concierge-view.tsx";
import { StateView } from "./state-view.tsx";

interface AgentPanelProps {
  /** Undefined until the session is open. */
  agent: string | undefined;
  /** What the agent has published. */
  state: { readonly [member: string]: unknown };
  version: number;
  onObserve: (name: string, data: { [member: string]: string }) => void;
}

/** What the agent knows, live: the concierge's in its own words, any other's as it is. */
export function AgentPanel({ agent, state, version, onObserve }: AgentPanelProps) {
  const concierge = useMemo(
    () => (agent === "concierge" ? conciergeStateSchema.safeParse(state).data : undefined),
    [agent, state],
  );
  if (agent === undefined) return <p className="muted">Opening the conversation…</p>;
  if (concierge !== undefined) return <ConciergeView state={concierge} version={version} onObserve={onObserve} />;
  return (
    <div className="agent" data-version={version}>
      <dl className="facts">
        <dt>Agent</dt>
        <dd>
          <bdi>{agent}</bdi>
        </dd>
      </dl>
      {Object.keys(state).length === 0 ? (
        <p className="muted">This agent has published nothing yet.</p>
      ) : (
        <StateView state={state} />
      )}
    </div>
  );
}
