/**
 * What a screen reader should be told of a text that streams: whole sentences, each once. Announcing every delta would
 * cut its speech off at every word.
 */
export interface Speech {
  /** Length of the text already said. */
  length: number;
  /** Sentences to say now, in order. */
  sentences: string[];
}

/** What has no end of a sentence for so long, as code and tables have none, is said up to its last space. */
const LONGEST = 600;

const segmenter = new Intl.Segmenter(undefined, { granularity: "sentence" });

/** `done`: the text is complete; until then its last sentence may go on, and waits. */
export function speak(text: string, said: number, done: boolean): Speech {
  // A rewind may have taken back what was said: it is not said again up to where it was.
  const start = Math.min(said, text.length);
  const segments = [...segmenter.segment(text.slice(start))].map(({ segment }) => segment);
  const last = segments.at(-1);
  if (!done && last !== undefined) {
    segments.pop();
    if (last.length > LONGEST) segments.push(last.slice(0, lastSpace(last) + 1));
  }
  const length = start + segments.reduce((sum, segment) => sum + segment.length, 0);
  return { length, sentences: segments.map((segment) => segment.trim()).filter((sentence) => sentence !== "") };
}

/** Place of the last space; the end where there is none. */
function lastSpace(text: string): number {
  const place = text.trimEnd().search(/\s\S*$/);
  return place === -1 ? text.length - 1 : place;
}

/** A sentence without the signs that only say how it looks: a screen reader would read them out one by one. */
export function withoutMarkup(sentence: string): string {
  return sentence
    .replaceAll(/^[ \t]*(?:```|~~~).*$/gm, "")
    .replaceAll(/^[ \t|:-]*\|[ \t|:-]*$/gm, "")
    .replaceAll(/^[ \t]*(?:#{1,6}|[-+*>])[ \t]+/gm, "")
    .replaceAll(/!?\[([^\][]{0,300})\]\([^()\s]{0,2000}\)/g, "$1")
    .replaceAll(/\*\*|__|~~|`/g, "")
    .replaceAll(/(?<![\p{L}\p{N}])[*_](?=\S)|(?<=\S)[*_](?![\p{L}\p{N}])/gu, "")
    .replaceAll(/[ \t]*\|[ \t]*/g, ", ")
    .replaceAll(/^, |, $/gm, "")
    .trim();
}
