import model from "wink-eng-lite-web-model";
import winkNLP, { type Document, type ItemEntity, type ItemToken, type WinkMethods } from "wink-nlp";

// wink knows the functions of `its` by identity, so they cannot be wrapped, and none of them uses `this`.
/* oxlint-disable typescript/unbound-method */

/** What a text is about, as the small English model sees it. */
export interface Reading {
  /** −1 (bad) … 1 (good). */
  sentiment: number;
  /** Types are the model's (DATE, MONEY, EMAIL, …) and NAME for runs of proper nouns. */
  entities: { text: string; type: string }[];
  /** Lower case, most frequent first. */
  keywords: string[];
}

/** UTF-16 code units; longer texts are read up to here: reading holds the event loop, for about 5 ms when it is this much. */
const READ_LENGTH = 4_096;
/** wink keeps every new word it meets, forever; a fresh instance (0.1 s) after this many texts bounds that to some 10 MB. */
const TEXTS_PER_INSTANCE = 50_000;
const KEYWORDS = 8;
const ENTITIES = 20;

/** The wink-nlp English model. Loading it takes 0.1 s: do it once, at start. */
export class Language {
  #wink: WinkMethods = winkNLP(model);
  #textsRead = 0;

  read(text: string): Reading {
    if (++this.#textsRead % TEXTS_PER_INSTANCE === 0) this.#wink = winkNLP(model);
    const { its, readDoc } = this.#wink;
    const document = readDoc(text.slice(0, READ_LENGTH).toWellFormed());
    const tokens = tokensOf(document, this.#wink);
    const sentiment = Number(document.out(its.sentiment));
    return {
      sentiment: Number.isFinite(sentiment) ? Math.max(-1, Math.min(1, sentiment)) : 0,
      entities: [...modelEntities(document, this.#wink), ...names(tokens)].slice(0, ENTITIES),
      keywords: keywords(tokens),
    };
  }
}

interface Word {
  value: string;
  normal: string;
  pos: string;
  isWord: boolean;
  isStopWord: boolean;
  inEntity: boolean;
}

function tokensOf(document: Document, { its }: WinkMethods): Word[] {
  const words: Word[] = [];
  document.tokens().each((token: ItemToken) => {
    words.push({
      value: token.out(),
      normal: token.out(its.normal),
      pos: token.out(its.pos),
      isWord: token.out(its.type) === "word",
      isStopWord: token.out<boolean>(its.stopWordFlag) === true,
      inEntity: token.parentEntity() !== undefined,
    });
  });
  return words;
}

function modelEntities(document: Document, { its }: WinkMethods): { text: string; type: string }[] {
  const entities: { text: string; type: string }[] = [];
  document.entities().each((entity: ItemEntity) => {
    entities.push({ text: entity.out(), type: entity.out<string>(its.type) });
  });
  return entities;
}

/** The model has no class for names of people and places: runs of proper nouns stand in. */
function names(words: Word[]): { text: string; type: string }[] {
  const found = new Set<string>();
  let run: string[] = [];
  for (const word of [...words, undefined]) {
    const isName = word?.pos === "PROPN" && word.isWord && !word.isStopWord && !word.inEntity;
    if (isName && !word.value.includes("'")) run.push(word.value);
    else if (run.length > 0) {
      found.add(run.join(" "));
      run = [];
    }
  }
  return Array.from(found, (text) => ({ text, type: "NAME" }));
}

function keywords(words: Word[]): string[] {
  const counts = new Map<string, number>();
  for (const { normal, pos, isWord, isStopWord } of words) {
    const telling = pos === "NOUN" || pos === "PROPN";
    if (telling && isWord && !isStopWord && normal.length > 2 && !normal.includes("'")) {
      counts.set(normal, (counts.get(normal) ?? 0) + 1);
    }
  }
  // `sort` is stable, so words of equal frequency stay in the order of the text.
  const byFrequency = [...counts].sort(([, a], [, b]) => b - a);
  return byFrequency.slice(0, KEYWORDS).map(([word]) => word);
}
