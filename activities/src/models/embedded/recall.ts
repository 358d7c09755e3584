/** Words that say nothing about the matter, so that sharing them connects nothing. */
const EMPTY_WORDS = new Set(
  (
    "a an the and or but if then so of to in on at by for from with about into over as is are was were be been am do does did " +
    "have has had i you he she it we they me my mine your his her its our their this that these those there here what who whom " +
    "which when where why how can could will would shall should may might must not no yes please tell just now some any all say said"
  ).split(" "),
);
const QUOTED_LENGTH = 200;

/**
 * The earlier sentence that shares most words with a message, the newest of equals; undefined when none shares any.
 * Plain word overlap: it runs over the whole context before the first token, so it must cost next to nothing.
 */
export function recall(message: string, earlier: string[]): string | undefined {
  const wanted = tellingWords(message);
  if (wanted.size === 0) return undefined;
  let best: { sentence: string; shared: number } | undefined;
  for (const sentence of earlier.flatMap((text) => sentencesOf(text))) {
    const shared = [...tellingWords(sentence)].filter((word) => wanted.has(word)).length;
    const isQuestion = sentence.endsWith("?");
    if (shared > 0 && !isQuestion && shared >= (best?.shared ?? 0)) best = { sentence, shared };
  }
  return best?.sentence;
}

function tellingWords(text: string): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => word.length > 1 && !EMPTY_WORDS.has(word)).map((word) => stem(word)));
}

/** Enough for plurals. */
function stem(word: string): string {
  return word.length > 3 && word.endsWith("s") ? word.slice(0, -1) : word;
}

function sentencesOf(text: string): string[] {
  const sentences = text.match(/[^.!?\n]+[.!?]*/g) ?? [];
  return sentences
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "" && sentence.length <= QUOTED_LENGTH);
}
