import { speak, withoutMarkup } from "./speech.ts";

/** One announcement at a time in so many milliseconds: a fast answer is told in paragraphs, not in a hail of sentences. */
const PACE_MS = 500;
/** What was announced is taken away after this: what nobody can see must not grow with the conversation. */
const KEPT_MS = 10_000;
const KEPT = 6;

/** Part of a turn that is read out. */
export interface Spoken {
  turn: number;
  text: string;
  over: boolean;
}

/** Writes into a live region what a screen reader is to say: whole sentences, each once, and never much of it at a time. */
export class Announcer {
  readonly #region: HTMLElement;
  #answer: Spoken | undefined;
  #turn: number;
  #said = 0;
  #over = true;
  /** To be said with the next announcement, after the answer's sentences. */
  #news: string[] = [];
  #next: ReturnType<typeof setTimeout> | undefined;
  #sweep: ReturnType<typeof setTimeout> | undefined;

  /** `heard`: the turn that ended last before; it is history, not news. */
  constructor(region: HTMLElement, heard: number) {
    this.#region = region;
    this.#turn = heard;
  }

  /** The answer as it is now; `ending`: what is to be said of how it ended. */
  tell(answer: Spoken, ending: string): void {
    if (answer.turn < this.#turn || (answer.turn === this.#turn && this.#over)) return;
    if (answer.turn !== this.#turn) {
      this.#flush();
      this.#turn = answer.turn;
      this.#said = 0;
      this.#over = false;
    }
    this.#answer = answer;
    if (answer.over) {
      this.#over = true;
      if (ending !== "") this.#news.push(ending);
    }
    this.#soon();
  }

  /** A word beside the answer. */
  say(sentence: string): void {
    this.#news.push(sentence);
    this.#soon();
  }

  stop(): void {
    clearTimeout(this.#next);
    clearTimeout(this.#sweep);
    this.#region.replaceChildren();
  }

  #soon(): void {
    this.#next ??= setTimeout(() => this.#flush(), PACE_MS);
  }

  #flush(): void {
    clearTimeout(this.#next);
    this.#next = undefined;
    const sentences: string[] = [];
    if (this.#answer !== undefined) {
      const speech = speak(this.#answer.text, this.#said, this.#answer.over);
      this.#said = speech.length;
      sentences.push(...speech.sentences.map(withoutMarkup).filter((sentence) => sentence !== ""));
    }
    sentences.push(...this.#news);
    this.#news = [];
    if (sentences.length === 0) return;
    const paragraph = document.createElement("p");
    // The language is the speaker's, which is not always the page's.
    paragraph.lang = "";
    paragraph.dir = "auto";
    paragraph.textContent = sentences.join(" ");
    this.#region.append(paragraph);
    while (this.#region.childElementCount > KEPT) this.#region.firstElementChild?.remove();
    clearTimeout(this.#sweep);
    this.#sweep = setTimeout(() => this.#region.replaceChildren(), KEPT_MS);
  }
}
