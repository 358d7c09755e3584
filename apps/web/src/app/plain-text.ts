/** Characters that change the direction of what follows them, and controls: they have no business in a title. */
const UNRULY = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]+/gu;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** One line of text that cannot reorder what stands beside it; empty where there is nothing to see. */
export function oneLine(text: string): string {
  const line = text.replaceAll(UNRULY, " ").replaceAll(/\s+/g, " ").trim();
  return VISIBLE.test(line) ? line : "";
}

/** At most `length` code units, never less than a whole character, as people count them, at a time. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  let end = 0;
  for (const { index, segment } of graphemes.segment(text)) {
    if (index + segment.length > length) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
}
