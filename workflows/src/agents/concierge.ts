import type { Json, JsonObject } from "@holdfast/contract/json";
import type { Part } from "@holdfast/contract/parts";
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

/** What the embedded model reads in a message, and tells in a data part of this name. Other models tell nothing like it. */
const READING = "reading";
interface Reading {
  /** −1 (bad) … 1 (good). */
  sentiment: number;
  entities: { text: string; type: string }[];
  keywords: string[];
}

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
    const { parts } = await turn.reply({ instructions: instructions(turn.state), contextTurns: 20 });
    turn.update((state) => {
      state.messages++;
      const reading = readingsOf(parts).at(-1);
      if (reading !== undefined) learn(state, reading);
    });
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

function learn(state: ConciergeState, { sentiment, entities, keywords }: Reading): void {
  const isFirst = state.mood.label === "unknown";
  const score = isFirst ? sentiment : state.mood.score * (1 - NEWEST) + sentiment * NEWEST;
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

/**
 * The parts come from a worker, which may be of another release than this code: what is not of the shape is passed over.
 */
function readingsOf(parts: readonly Part[]): Reading[] {
  return parts.flatMap((part) => {
    if (part.type !== "data" || part.name !== READING || !isObject(part.value)) return [];
    const { sentiment, entities, keywords } = part.value;
    if (typeof sentiment !== "number" || !isList(entities, isEntity) || !isList(keywords, isText)) return [];
    return [{ sentiment, entities, keywords }];
  });
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList<T extends Json>(value: Json | undefined, isOne: (element: Json) => element is T): value is T[] {
  return Array.isArray(value) && value.every(isOne);
}

function isText(value: Json | undefined): value is string {
  return typeof value === "string";
}

function isEntity(value: Json): value is { text: string; type: string } {
  return isObject(value) && isText(value["text"]) && isText(value["type"]);
}
