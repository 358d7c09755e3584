import type { Enrichment } from "@holdfast/internal/temporal";
import { defineAgent } from "./define-agent.ts";

/** How often something was met. */
export type Tally = { name: string; count: number };

/** What the concierge knows of its guest. The page shows it live. */
export type ConciergeState = {
  messages: number;
  /** `score`: −1 (bad) … 1 (good), the last messages weighing most. */
  mood: { score: number; label: "unknown" | "upset" | "calm" | "pleased" };
  topics: Tally[];
  entities: { name: string; type: string; count: number }[];
  /** What the page told by `observe` events, by their name. */
  observed: Tally[];
};

const MOST_TOPICS = 12;
const MOST_ENTITIES = 20;
const MOST_OBSERVED = 20;
/** Length of a topic or an entity in the state. */
const LONGEST_NAME = 48;
/** Weight of the newest message in the mood. */
const NEWEST = 0.4;

/** Learns from every message what it is about and how its writer feels, and answers with that in mind. */
export const concierge = defineAgent<ConciergeState>({
  name: "concierge",
  initialState: {
    messages: 0,
    mood: { score: 0, label: "unknown" },
    topics: [],
    entities: [],
    observed: [],
  },
  publishObserved: "at-once",

  async onTurn(turn) {
    const request = { instructions: instructions(turn.state), contextTurns: 20, enrich: true };
    const { enrichment } = await turn.reply(request);
    if (enrichment !== undefined) turn.update((state) => learn(state, enrichment));
  },

  onObserve(state, events) {
    for (const { name } of events) state.observed = counted(state.observed, { name }, MOST_OBSERVED);
  },
});

function instructions({ mood, topics }: ConciergeState): string {
  const known = topics.slice(0, 3).map((topic) => topic.name);
  return [
    "You are a friendly concierge. Answer in a few short sentences.",
    ...(mood.label === "unknown" ? [] : [`The guest seems ${mood.label}.`]),
    ...(known.length === 0 ? [] : [`So far you talked about ${known.join(", ")}.`]),
  ].join(" ");
}

function learn(state: ConciergeState, { sentiment, entities, keywords }: Enrichment): void {
  state.messages++;
  const score = state.messages === 1 ? sentiment : state.mood.score * (1 - NEWEST) + sentiment * NEWEST;
  state.mood = { score: Math.round(score * 100) / 100, label: moodLabel(score) };
  for (const keyword of keywords) state.topics = counted(state.topics, { name: short(keyword) }, MOST_TOPICS);
  for (const { text, type } of entities) {
    state.entities = counted(state.entities, { name: short(text), type }, MOST_ENTITIES);
  }
}

function moodLabel(score: number): ConciergeState["mood"]["label"] {
  if (score < -0.2) return "upset";
  return score > 0.2 ? "pleased" : "calm";
}

function short(name: string): string {
  return name.toLowerCase().slice(0, LONGEST_NAME);
}

/**
 * The tallies with one more of `met`, the most frequent first. When there are too many the rarest goes, but never the
 * newest, or nothing new could ever get in.
 */
function counted<T extends { name: string }>(
  tallies: (T & { count: number })[],
  met: T,
  most: number,
): (T & { count: number })[] {
  const before = tallies.find((tally) => tally.name === met.name);
  const others = tallies.filter((tally) => tally !== before).slice(0, before === undefined ? most - 1 : most);
  const tally = { ...met, count: (before?.count ?? 0) + 1 };
  const place = others.findIndex((other) => other.count <= tally.count);
  return place === -1 ? [...others, tally] : others.toSpliced(place, 0, tally);
}
