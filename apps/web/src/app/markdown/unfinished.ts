import { lastPieceStart } from "./pieces.ts";

/**
 * What can be shown of a Markdown text of which the end is still to come, without taking it back when it comes: half of a marker is
 * held back, and emphasis or code that has begun is closed.
 */
export function shownOf(text: string): string {
  const lineStart = text.lastIndexOf("\n") + 1;
  const line = text.slice(lineStart);
  const fence = openFence(text);
  if (fence !== undefined) {
    const mayClose = /^[ >\t]*(`+|~+)$/.test(line) && line.includes(fence.mark);
    return fence.isOpening || mayClose ? text.slice(0, lineStart) : text;
  }
  const isHeldBack = line !== "" && line.length < LONGEST_MARKERS && (MARKERS_ONLY.test(line) || DEFINITION.test(line));
  const end = isHeldBack ? lineStart : (tableStart(text, lineStart) ?? text.length);
  const shown = text.slice(0, end);
  // What stands before a blank line has ended.
  if (shown.trim() === "" || /\n[ \t>]*\n$/.test(shown)) return shown;
  const leaf = leafStart(shown, shown.lastIndexOf("\n", shown.length - 2) + 1);
  const start = leaf + lastPieceStart(shown.slice(leaf));
  return shown.slice(0, start) + shownInline(shown.slice(start));
}

/** A line that may become a heading, a rule, an item, a task, a fence or the underline of a heading. */
const MARKERS_ONLY =
  /^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*)*(?:#{1,6}[ \t]*|[-+*]|(?:-[ \t]*)+|(?:_[ \t]*)+|(?:\*[ \t]*)+|=+[ \t]*|\d{1,9}[.)]?|\[[ xX]?\]?[ \t]*|`{1,2}|~{1,2})?$/;
const LONGEST_MARKERS = 200;
const DEFINITION = /^ {0,3}\[[^\]]*\]:/;
const FENCE = /^(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*(`{3,}|~{3,})(.*)$/;

interface Fence {
  mark: string;
  /** The line that opens it has not ended. */
  isOpening: boolean;
}

function openFence(text: string): Fence | undefined {
  if (!text.includes("```") && !text.includes("~~~")) return undefined;
  let open: { mark: string; length: number } | undefined;
  const lines = text.split("\n");
  for (const [place, line] of lines.entries()) {
    const [, run = "", rest = ""] = FENCE.exec(line) ?? [];
    const mark = run.charAt(0);
    if (mark === "") continue;
    if (open === undefined) {
      if (mark === "`" && rest.includes("`")) continue;
      if (place === lines.length - 1) return { mark, isOpening: true };
      open = { mark, length: run.length };
    } else if (mark === open.mark && run.length >= open.length && rest.trim() === "" && place < lines.length - 1) {
      open = undefined;
    }
  }
  return open === undefined ? undefined : { mark: open.mark, isOpening: false };
}

/** Where a table begins of which the head is not told yet: it would be a paragraph first. */
function tableStart(text: string, lineStart: number): number | undefined {
  const line = text.slice(lineStart);
  const beforeStart = text.lastIndexOf("\n", lineStart - 2) + 1;
  const before = lineStart === 0 ? "" : text.slice(beforeStart, lineStart - 1);
  const isRow = (row: string): boolean => /^[ \t>]*\|/.test(row);
  if (isRow(before)) {
    const mayBeDelimiter = /^[ \t>]*[|:\- \t]*$/.test(line);
    const isFirst = !isRow(text.slice(text.lastIndexOf("\n", beforeStart - 2) + 1, Math.max(0, beforeStart - 1)));
    return isFirst && mayBeDelimiter ? beforeStart : undefined;
  }
  return isRow(line) ? lineStart : undefined;
}

/** Where the last paragraph, item, heading or cell begins: nothing in a line goes beyond it. */
function leafStart(text: string, lineStart: number): number {
  let start = lineStart;
  for (let lines = 0; lines < 50; lines++) {
    const line = text.slice(start, text.indexOf("\n", start) === -1 ? undefined : text.indexOf("\n", start));
    if (/^[ \t>]*\|/.test(line)) return start + Math.max(1, cellStart(line));
    const marker = /^[ \t]*(?:[-+*>]|#{1,6}|\d{1,9}[.)])[ \t]+/.exec(line);
    if (marker !== null) return start + marker[0].length;
    if (start === 0) return 0;
    const beforeStart = text.lastIndexOf("\n", start - 2) + 1;
    if (start < 2 || text.slice(beforeStart, start - 1).trim() === "") return start;
    start = beforeStart;
  }
  return start;
}

function cellStart(row: string): number {
  for (let place = row.length - 1; place >= 0; place--) {
    if (row[place] === "|" && row[place - 1] !== "\\") return place + 1;
  }
  return 0;
}

/** A link's text and address; in the place of an address that is still to come stands this one, which leads nowhere. */
export const PENDING_ADDRESS = "pending:";
/** What could become a link is held back for so many characters. */
const LONGEST_LINK_TEXT = 300;
const LONGEST_ADDRESS = 2_000;

interface Opener {
  mark: string;
  length: number;
}

function shownInline(text: string): string {
  const openers: Opener[] = [];
  let place = 0;
  while (place < text.length) {
    const character = text.charAt(place);
    switch (character) {
      case "\\":
        if (place + 1 === text.length) return closed(text.slice(0, place), openers);
        place += 2;
        break;
      case "`": {
        const length = runLength(text, place);
        const end = closingTicks(text, place + length, length);
        if (end === undefined) return openCode(text, place, length, openers);
        place = end;
        break;
      }
      case "!":
        // It may begin an image.
        if (place + 1 === text.length && !/\S/.test(text.charAt(place - 1)))
          return closed(text.slice(0, place), openers);
        place++;
        break;
      case "[": {
        const end = linkEnd(text, place);
        if (end === "open") return closed(text.slice(0, text.charAt(place - 1) === "!" ? place - 1 : place), openers);
        if (typeof end === "object") return closed(`${text.slice(0, end.at)}(${PENDING_ADDRESS})`, openers);
        place = end ?? place + 1;
        break;
      }
      case "<": {
        const rest = text.slice(place);
        if (rest.length < LONGEST_LINK_TEXT && /^<(?:[a-z/!][^\s>]*)?$/i.test(rest)) {
          return closed(text.slice(0, place), openers);
        }
        place++;
        break;
      }
      case "*":
      case "_":
      case "~": {
        const length = runLength(text, place);
        const isLast = place + length === text.length;
        const left = delimit(text, place, length, openers);
        // Whether it opens or closes, and with how many characters, is told by what follows.
        if (isLast && left) return closed(text.slice(0, place), openers);
        place += length;
        break;
      }
      default:
        place++;
    }
  }
  return closed(text, openers);
}

function runLength(text: string, place: number): number {
  let length = 1;
  while (text.charAt(place + length) === text.charAt(place)) length++;
  return length;
}

function closingTicks(text: string, from: number, length: number): number | undefined {
  let place = text.indexOf("`", from);
  while (place !== -1) {
    const run = runLength(text, place);
    // A run at the very end may still become longer.
    if (run === length) return place + run;
    place = text.indexOf("`", place + run);
  }
  return undefined;
}

function openCode(text: string, place: number, length: number, openers: Opener[]): string {
  const inside = text.slice(place + length).replace(/`+$/, "");
  if (inside.trim() === "") return closed(text.slice(0, place), openers);
  const padding = inside.endsWith("`") ? " " : "";
  return closed(`${text.slice(0, place + length)}${inside}${padding}${"`".repeat(length)}`, openers);
}

/**
 * The end of a link that begins at `place`. `open`: whether it is one is told by what follows. An object: it is one, and its address,
 * which begins at `at`, is still to come. Undefined: it is none.
 */
function linkEnd(text: string, place: number): number | "open" | { at: number } | undefined {
  const close = closing(text, place, "[", "]", LONGEST_LINK_TEXT);
  if (close === undefined) return text.length - place < LONGEST_LINK_TEXT ? "open" : undefined;
  if (close + 1 === text.length) return "open";
  if (text.charAt(close + 1) !== "(") return undefined;
  const end = closing(text, close + 1, "(", ")", LONGEST_ADDRESS);
  if (end !== undefined) return end + 1;
  return text.includes("\n", close) ? undefined : { at: close + 1 };
}

/** Place of the bracket that closes the one at `from`, within `most` characters. */
function closing(text: string, from: number, open: string, close: string, most: number): number | undefined {
  let depth = 0;
  for (let place = from; place < text.length && place - from < most; place++) {
    const character = text.charAt(place);
    if (character === "\\") place++;
    else if (character === open) depth++;
    else if (character === close && --depth === 0) return place;
  }
  return undefined;
}

/** Takes a run of delimiters into the openers; returns whether what follows may give it another meaning. */
function delimit(text: string, place: number, length: number, openers: Opener[]): boolean {
  const mark = text.charAt(place);
  const before = text.charAt(place - 1);
  const after = text.charAt(place + length);
  const top = openers.at(-1);
  const canClose = before !== "" && !/\s/.test(before);
  if (canClose && top?.mark === mark) {
    if (length < top.length) return true;
    openers.pop();
    if (length > top.length) return delimit(text, place + top.length, length - top.length, openers);
    return false;
  }
  if (after === "") return true;
  const isWordBefore = /[\p{L}\p{N}]/u.test(before);
  // `2*3` and `snake_case` are no emphasis, or not often enough to show them so.
  const canOpen =
    !/\s/.test(after) && (!isWordBefore || (mark === "*" && length > 1)) && (mark !== "~" || length === 2);
  if (canOpen && length <= 3) openers.push({ mark, length });
  return false;
}

/** With the closing delimiters of what is open. */
function closed(text: string, openers: readonly Opener[]): string {
  const shown = text.trimEnd();
  let open = [...openers];
  let end = shown;
  // What has opened and holds nothing yet is not shown.
  for (;;) {
    const last = open.at(-1);
    if (last === undefined || !end.endsWith(last.mark.repeat(last.length))) break;
    end = end.slice(0, -last.length).trimEnd();
    open = open.slice(0, -1);
  }
  return end + open.reduceRight((closers, { mark, length }) => closers + mark.repeat(length), "");
}
