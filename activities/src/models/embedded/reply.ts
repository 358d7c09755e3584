import type { Message } from "../model.ts";
import type { Reading } from "./language.ts";
import { recall } from "./recall.ts";

const INTRODUCTION =
  "I am Holdfast's embedded model: a small English language model that runs inside the inference worker and finds entities, " +
  "sentiment and keywords. I know nothing about the world, but I read closely what you write and remember this conversation.";
const LARGER_MODEL = "A larger model can answer that: point HOLDFAST_MODEL_URL at one and I will step aside.";

const ABOUT_ITSELF = /\b(who|what) are you\b|\bwhat can you do\b|\byour name\b|^\s*help\b/i;
const GREETING = /^\s*(hello|hi|hey|good (morning|afternoon|evening))\b/i;
const THANKS = /\b(thanks|thank you)\b/i;
const QUESTION = /\?\s*$|^\s*(who|what|when|where|why|which|how|can|could|do|does|did|is|are|was|were)\b/i;

/** Sentiment from which a message counts as bad or good news. */
const [BAD, GOOD] = [-0.25, 0.25];

/** How the model's entity types are spoken of. */
const TYPE_NAMES: Record<string, string> = {
  CARDINAL: "number",
  MONEY: "amount of money",
  ORDINAL: "position",
  URL: "link",
};

/** An answer made of the message, its reading and the conversation; a pure function of the messages. */
export function composeReply(messages: Message[], read: (text: string) => Reading): string {
  const message = newestMessage(messages);
  const earlier = messages.filter(({ role }) => role === "user").slice(0, -1);
  const reading = read(message);
  const said = recall(
    message,
    earlier.map(({ content }) => content),
  );
  const asksAboutItself = ABOUT_ITSELF.test(message);
  const parts = [
    opening(message, reading),
    asksAboutItself || earlier.length === 0 ? INTRODUCTION : undefined,
    asksAboutItself ? undefined : answer(message, reading, said),
    findings(reading),
    closing(reading, earlier.length),
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}

export function newestMessage(messages: Message[]): string {
  return messages.findLast(({ role }) => role === "user")?.content ?? "";
}

function opening(message: string, { sentiment }: Reading): string | undefined {
  if (GREETING.test(message)) return "Hello!";
  if (THANKS.test(message)) return "You are welcome.";
  if (sentiment <= BAD) return "I am sorry to read that.";
  if (sentiment >= GOOD) return "That is good to read.";
  return undefined;
}

function answer(message: string, { keywords }: Reading, said: string | undefined): string | undefined {
  const topic = keywords[0];
  if (QUESTION.test(message)) {
    if (said !== undefined) return `As to your question, earlier you told me: “${said}”`;
    const about = topic === undefined ? "" : ` about ${list(keywords.slice(0, 2))}`;
    return `You have not told me anything${about} yet that would answer this. ${LARGER_MODEL}`;
  }
  if (said !== undefined) return `This goes with what you wrote before: “${said}”`;
  return topic === undefined ? undefined : `So this is about ${list(keywords.slice(0, 3))}.`;
}

function findings({ entities, sentiment }: Reading): string {
  const tone = sentiment <= BAD ? "negative" : sentiment >= GOOD ? "positive" : "neutral";
  const score = sentiment.toFixed(2).replace("-", "−");
  const found = entities.slice(0, 5).map(({ text, type }) => `${text} (${TYPE_NAMES[type] ?? type.toLowerCase()})`);
  const named = found.length === 0 ? "I found no names, dates or numbers in it" : `I noted ${list(found)}`;
  return `${named}, and its tone is ${tone} (${score}).`;
}

function closing({ entities, sentiment }: Reading, earlier: number): string {
  const deadline = entities.find(({ type }) => type === "DATE" || type === "TIME");
  const amount = entities.find(({ type }) => type === "MONEY");
  const count = earlier === 0 ? "" : ` That was message ${earlier + 1} of those I still have in mind.`;
  if (deadline !== undefined) return `Shall I keep ${deadline.text} as the time that matters?${count}`;
  if (amount !== undefined) return `Is ${amount.text} the amount in question?${count}`;
  if (sentiment <= BAD) return `Tell me what would put it right, and I will keep it with the rest.${count}`;
  return `Tell me more, or ask me about something you said before.${count}`;
}

function list(items: string[]): string {
  if (items.length <= 1) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1) ?? ""}`;
}
