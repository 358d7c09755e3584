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

const segmenter = new Intl.Segmenter(undefined, { granularity: "sentence" });

/** `done`: the text is complete; until then its last sentence may go on, and waits. */
export function speak(text: string, said: number, done: boolean): Speech {
  // A rewind may have taken back what was said: it is not said again up to where it was.
  const start = Math.min(said, text.length);
  const segments = [...segmenter.segment(text.slice(start))].map(({ segment }) => segment);
  if (!done) segments.pop();
  const length = start + segments.reduce((sum, segment) => sum + segment.length, 0);
  return { length, sentences: segments.map((segment) => segment.trim()).filter((sentence) => sentence !== "") };
}
