import type { ConciergeState } from "@holdfast/workflows/agents/concierge";
import { useState, type ReactNode } from "react";
import { Flash } from "./flash.tsx";
import { Mood } from "./mood.tsx";

interface AgentPanelProps {
  /** Empty until the agent has taken its first event. */
  state: Partial<ConciergeState>;
  version: number;
  /** Tells the agent a small fact (an `observe` event); what it counts comes back as a patch. */
  onObserve: (name: string, data: { [member: string]: string }) => void;
}

/** What the agent knows, live: every patch of its state is shown where it changes something. */
export function AgentPanel({ state, version, onObserve }: AgentPanelProps) {
  const [firstVersion] = useState(version);
  const isNew = version > firstVersion;
  const { messages = 0, mood, topics = [], entities = [], observed = [] } = state;
  return (
    <div className="agent" data-version={version}>
      <dl className="facts">
        <dt>Version</dt>
        <dd>
          <Flash of={version}>{version}</Flash>
        </dd>
        <dt>Messages</dt>
        <dd>
          <Flash of={messages}>{messages}</Flash>
        </dd>
      </dl>
      <Mood score={mood?.score ?? 0} label={mood?.label ?? "unknown"} />
      <Section title="Topics" hint="none yet" empty={topics.length === 0}>
        {topics.map(({ name, count }) => (
          <li key={name}>
            <button type="button" onClick={() => onObserve("topic.clicked", { topic: name })}>
              {name}{" "}
              <Flash of={count} isNew={isNew}>
                ×{count}
              </Flash>
            </button>
          </li>
        ))}
      </Section>
      <Section title="Entities" hint="none yet" empty={entities.length === 0}>
        {entities.map(({ name, type, count }) => (
          <li key={name}>
            <button type="button" onClick={() => onObserve("entity.clicked", { entity: name })}>
              {name} <span className="muted">{type.toLowerCase()}</span>{" "}
              <Flash of={count} isNew={isNew}>
                ×{count}
              </Flash>
            </button>
          </li>
        ))}
      </Section>
      <Section title="Observed" hint="nothing yet: press a topic or one of these" empty={observed.length === 0}>
        {observed.map(({ name, count }) => (
          <li key={name} className="chip" data-observed={name}>
            {name}{" "}
            <Flash of={count} isNew={isNew}>
              ×{count}
            </Flash>
          </li>
        ))}
      </Section>
      <fieldset className="chips">
        <legend className="visually-hidden">Tell the agent</legend>
        <button type="button" onClick={() => onObserve("feedback.helpful", {})}>
          That helped
        </button>
        <button type="button" onClick={() => onObserve("feedback.unhelpful", {})}>
          That did not help
        </button>
      </fieldset>
    </div>
  );
}

interface SectionProps {
  title: string;
  hint: string;
  empty: boolean;
  children: ReactNode;
}

function Section({ title, hint, empty, children }: SectionProps) {
  return (
    <section>
      <h3>{title}</h3>
      {empty ? <p className="muted">{hint}</p> : <ul className="chips">{children}</ul>}
    </section>
  );
}
