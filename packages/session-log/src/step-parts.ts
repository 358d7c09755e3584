import { grownPart, type Part, partSchema } from "@holdfast/contract";
import { parseJson } from "@holdfast/internal";
import { escapeText } from "./json-text.ts";
import { ReplyError } from "./replies.ts";

/**
 * Parts as the log keeps them. The last one, where it may grow, is open: its JSON up to the text that grows (`opening`) and the
 * inside of that JSON string (`text`), to which a delta is appended; `CLOSING` ends it. Otherwise `opening` is empty.
 */
export interface StoredParts {
  closed: string[];
  opening: string;
  text: string;
}

/** What follows the text of an open part. Written out in `lua/head.lua` as well. */
const CLOSING = '"}';

export function storedParts(parts: readonly Part[]): StoredParts {
  const last = parts.at(-1);
  const open = last && openPart(last);
  const closed = (open === undefined ? parts : parts.slice(0, -1)).map((part) => JSON.stringify(part));
  return { closed, ...(open ?? { opening: "", text: "" }) };
}

/** The opening of a part that has no text yet. */
export function openingOf(type: "text" | "reasoning"): string {
  return opening({ type, text: "" });
}

/** Undefined for a part that does not grow (SPEC part-4). */
function openPart(part: Part): { opening: string; text: string } | undefined {
  if (grownPart(part, "") === undefined) return undefined;
  if (part.type === "text" || part.type === "reasoning") {
    const { text, ...rest } = part;
    return { opening: opening({ ...rest, text: "" }), text: escapeText(text) };
  }
  if (part.type !== "tool") return undefined;
  const { inputText = "", ...rest } = part;
  return { opening: opening({ ...rest, inputText: "" }), text: escapeText(inputText) };
}

/** `part`: its last member is the empty text that grows. */
function opening(part: Part): string {
  return JSON.stringify(part).slice(0, -CLOSING.length);
}

/** Throws where the log's parts are no parts: it needs repair. */
export function partsOfReply(json: string): Part[] {
  const parsed = partSchema.array().safeParse(parseJson(json));
  if (parsed.success) return parsed.data;
  throw new ReplyError("The session log's parts of a step cannot be read.");
}
