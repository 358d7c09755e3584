import type { ConciergeState } from "@holdfast/workflows/agents/concierge";
import { useState, type ReactNode } from "react";
import { z } from "zod";
import { Flash } from "./flash.tsx";
import { Mood } from "./mood.tsx";

const tally = z.object({ name: z.string(), count: z.number() });
/** What the concierge publishes. Where an agent of that name publishes something else, it is shown like any other's. */
export const conciergeStateSchema = z
  .object({
    messages: z.number(),
    mood: z.object({ score: z.number(), label: z.enum(["unknown", "upset", "calm", "pleased"]) }),
    topics: z.array(tally),
    entities: z.array(tally.extend({ type: z.string() })),
    observed: z.array(tally),
  })
  .partial();

interface ConciergeViewProps {
  /** Members it has not published yet are missing. */
  state: { readonly [Member in keyof ConciergeState]?: ConciergeState[Member] | undefined };
  version: number;
  /** Tells the agent a small fact (an `observe` event); what it counts comes back as a patch. */
  onObserve: (name: string, data: { [member: string]: string }) => void;
}

/** What the observed facts are called for people. */
const FACTS: ReadonlyMap<string, string> = new Map([
  ["topic.clicked", "a topic pressed"],
  ["entity.clicked", "a name pressed"],
  ["feedback.helpful", "that helped"],
  ["feedback.unhelpful", "that did not help"],
]);

/** What the concierge knows, live: every patch of its state is shown where it changes something. */
export function ConciergeView({ state, version, onObserve }: ConciergeViewProps) {
  const [firstVersion] = useState(version);
  const isNew = version > firstVersion;
  const { messages = 0, mood, topics = [], entities = [], observed = [] } = state;
  return (
    <div className="agent" data-version={version}>
      <p className="muted">What the agent made of your messages.</p>
      <dl className="facts">
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
              <bdi lang="">{name}</bdi>{" "}
              <Flash of={count} isNew={isNew}>
                ×{count}
              </Flash>
            </button>
          </li>
        ))}
      </Section>
      <Section title="Names" hint="none yet" empty={entities.length === 0}>
        {entities.map(({ name, type, count }) => (
          <li key={name}>
            <button type="button" onClick={() => onObserve("entity.clicked", { entity: name })}>
              <bdi lang="">{name}</bdi> <span className="muted">{type.toLowerCase()}</span>{" "}
              <Flash of={count} isNew={isNew}>
                ×{count}
              </Flash>
            </button>
          </li>
        ))}
      </Section>
      <Section title="What you pressed" hint="nothing yet: press a topic or one of these" empty={observed.length === 0}>
        {observed.map(({ name, count }) => (
          <li key={name} className="chip" data-observed={name}>
            <bdi>{FACTS.get(name) ?? name}</bdi>{" "}
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
