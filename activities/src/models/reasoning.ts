import type { Piece } from "./model.ts";

/**
 * Marks between which models reason, where their server hands the text through as it is. `close: ""`: a mark that only has to go.
 * Llama, DeepSeek, Qwen and many others; Magistral; Seed-OSS; Kimi; Gemma; gpt-oss (harmony), whose answer follows its last mark.
 */
const MARKS = [
  { open: "<think>", close: "</think>" },
  { open: "<thinking>", close: "</thinking>" },
  { open: "<thought>", close: "</thought>" },
  { open: "<reasoning>", close: "</reasoning>" },
  { open: "<reflection>", close: "</reflection>" },
  { open: "<seed:think>", close: "</seed:think>" },
  { open: "[think]", close: "[/think]" },
  { open: "◁think▷", close: "◁/think▷" },
  { open: "<|begin_of_thought|>", close: "<|end_of_thought|>" },
  { open: "<|channel>thought", close: "<channel|>" },
  { open: "<|channel|>analysis", close: "<|channel|>final<|message|>" },
  { open: "<|channel|>commentary", close: "<|channel|>final<|message|>" },
  { open: "<|channel|>final<|message|>", close: "" },
  { open: "<|start|>assistant", close: "" },
] as const;
const HARMONY_ENDS = ["<|return|>", "<|end|>", "<|call|>"];
/** Harmony again, from servers that drop special tokens and so leave "analysisThe user asks … assistantfinalThe answer". */
const BARE = { open: "analysis", close: "assistantfinal" };

/** Marks that end a reasoning whose beginning the model's own template wrote, so that the server never sent it. */
const CLOSES: string[] = [...new Set(MARKS.map(({ close }) => close).filter((close) => close !== ""))];
/** Harmony's marks within a reasoning. They say nothing to a reader. */
const INNER_MARKS = [
  "<|message|>",
  "<|end|>",
  "<|start|>assistant",
  "<|channel|>analysis",
  "<|channel|>commentary",
  "<|call|>",
];
const LONGEST_MARK = 32;

type State =
  /** Nothing of the answer yet, only white space or what may become a mark. */
  | { at: "start" }
  /** `doubtful`: nothing but its end will show that it was one. */
  | { at: "reasoning"; closes: string[]; doubtful: boolean }
  | { at: "answer" };

/**
 * Tells the reasoning in a model's text from its answer while it streams. Only what the text begins with counts: a mark in the
 * middle of an answer is part of what the answer says. But for one: a closing mark that was never opened means that all before it
 * was reasoning. `opensInside`: this model's last answer was of that kind, so its text is taken for reasoning until the mark comes,
 * or the text ends without.
 */
export class ReasoningFilter {
  readonly #opensInside: boolean;
  #state: State;
  #buffer = "";
  /** Of the answer, what has been given on. */
  #answer: string;
  /** A doubtful reasoning as the model wrote it. */
  #doubted = "";
  #hadReasoning = false;
  #isHarmony = false;
  #openedInside = false;
  /** Of the reasoning under way, whether anything has been given on, and the white space behind it. */
  #thinks = false;
  #space = "";
  /** Something of an earlier reasoning has been given on. */
  #hasThought = false;

  constructor(prefix: string, opensInside: boolean) {
    this.#answer = prefix;
    this.#opensInside = opensInside;
    this.#state = { at: prefix === "" ? "start" : "answer" };
  }

  /** Whether the model's template had opened the reasoning. */
  get openedInside(): boolean {
    return this.#openedInside;
  }

  push(text: string): Piece[] {
    this.#buffer += text;
    const pieces: Piece[] = [];
    while (this.#advance(pieces, false));
    if (pieces.length === 0) pieces.push({ kind: "alive" });
    return pieces;
  }

  /** The text is over: what was only suspected of being a mark is text. */
  end(): Piece[] {
    const pieces: Piece[] = [];
    while (this.#advance(pieces, true));
    if (this.#state.at === "reasoning" && this.#state.doubtful) {
      pieces.push({ kind: "reclassify", as: "text", text: this.#doubted });
    }
    return pieces;
  }

  /** One step; false when there is nothing to do before more text comes. */
  #advance(pieces: Piece[], isOver: boolean): boolean {
    if (this.#buffer === "") return false;
    switch (this.#state.at) {
      case "start":
        return this.#begin(isOver);
      case "reasoning":
        return this.#reason(this.#state, pieces, isOver);
      case "answer":
        return this.#say(pieces, isOver);
    }
  }

  #begin(isOver: boolean): boolean {
    const text = lower(this.#buffer.trimStart());
    const mark = MARKS.find(({ open }) => text.startsWith(open));
    if (mark !== undefined) {
      this.#drop(mark.open);
      this.#isHarmony ||= mark.open.startsWith("<|channel|>");
      if (mark.close !== "") this.#state = { at: "reasoning", closes: [mark.close], doubtful: false };
      return true;
    }
    const close = CLOSES.find((one) => text.startsWith(one));
    if (close !== undefined) {
      this.#drop(close);
      this.#openedInside ||= this.#opensInside && !this.#hadReasoning;
      this.#hadReasoning = true;
      return true;
    }
    if (/^\s*analysis[A-Z"“]/.test(this.#buffer) && !this.#hadReasoning) {
      this.#doubted = this.#drop(BARE.open);
      this.#state = { at: "reasoning", closes: [BARE.close], doubtful: true };
      return true;
    }
    const mayBecome = [...MARKS.map(({ open }): string => open), ...CLOSES, `${BARE.open}x`];
    if (!isOver && (text === "" || mayBecome.some((one) => one.startsWith(text)))) return false;
    if (this.#opensInside && !this.#hadReasoning) {
      this.#state = { at: "reasoning", closes: CLOSES, doubtful: true };
      return true;
    }
    // White space between the reasoning and the answer belongs to neither.
    if (this.#hadReasoning) this.#buffer = this.#buffer.trimStart();
    this.#state = { at: "answer" };
    return this.#buffer !== "";
  }

  /** Removes white space and a mark from the buffer's beginning. Returns what it removed. */
  #drop(mark: string): string {
    const before = this.#buffer;
    this.#buffer = before.trimStart().slice(mark.length);
    return before.slice(0, before.length - this.#buffer.length);
  }

  #reason({ closes, doubtful }: State & { at: "reasoning" }, pieces: Piece[], isOver: boolean): boolean {
    const text = this.#buffer;
    const watched = [...closes, ...INNER_MARKS];
    const found = firstOf(lower(text), watched);
    const kept = found === undefined && !isOver ? suspicious(lower(text), watched) : 0;
    const end = found === undefined ? text.length - kept : found.at;
    const rest = found === undefined ? end : end + found.mark.length;
    this.#think(pieces, text.slice(0, end));
    if (doubtful) this.#doubted += text.slice(0, rest);
    this.#buffer = text.slice(rest);
    if (found === undefined) return false;
    if (!closes.includes(found.mark)) {
      this.#space ||= "\n";
      return true;
    }
    this.#openedInside ||= doubtful && found.mark !== BARE.close;
    this.#endReasoning(found.mark);
    return true;
  }

  #think(pieces: Piece[], text: string): void {
    const whole = this.#thinks ? this.#space + text : text.trimStart();
    const said = whole.trimEnd();
    this.#space = whole.slice(said.length);
    if (said === "") return;
    pieces.push({ kind: "reasoning", text: this.#hasThought && !this.#thinks ? `\n\n${said}` : said });
    this.#thinks = true;
    this.#hasThought = true;
  }

  #endReasoning(mark: string): void {
    this.#thinks = false;
    this.#space = "";
    this.#hadReasoning = true;
    this.#isHarmony ||= mark.startsWith("<|channel|>");
    this.#state = { at: "start" };
  }

  #say(pieces: Piece[], isOver: boolean): boolean {
    const text = this.#buffer;
    const watched = this.#watched();
    const found = firstOf(lower(text), watched);
    if (found === undefined) {
      const kept = isOver ? 0 : suspicious(lower(text), watched);
      this.#give(pieces, text.slice(0, text.length - kept), text.slice(text.length - kept));
      return false;
    }
    const [before, after] = [text.slice(0, found.at), text.slice(found.at + found.mark.length)];
    if (this.#isHarmony) {
      this.#give(pieces, before, after);
      this.#hadReasoning = true;
      this.#state = { at: "start" };
    } else if (isMention(found.mark, this.#answer + before)) {
      this.#give(pieces, before + found.mark, after);
    } else {
      const thought = withoutMarks(this.#answer + before);
      pieces.push({ kind: "reclassify", as: "reasoning", text: thought });
      this.#answer = "";
      this.#buffer = after;
      this.#openedInside = true;
      this.#hasThought = thought !== "";
      this.#endReasoning(found.mark);
    }
    return true;
  }

  #watched(): string[] {
    if (this.#isHarmony) return HARMONY_ENDS;
    return this.#hadReasoning ? [] : CLOSES;
  }

  #give(pieces: Piece[], text: string, rest: string): void {
    this.#buffer = rest;
    this.#answer += text;
    if (text !== "") pieces.push({ kind: "text", text });
  }
}

/** Lower case that keeps every character's place: Unicode's own may change lengths. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function firstOf(text: string, marks: string[]): { at: number; mark: string } | undefined {
  let first: { at: number; mark: string } | undefined;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    if (at !== -1 && (first === undefined || at < first.at)) first = { at, mark };
  }
  return first;
}

function withoutMarks(text: string): string {
  return INNER_MARKS.reduce((rest, mark) => rest.replaceAll(mark, ""), text).trim();
}

/** How many characters at the end of the text may be the beginning of a mark. */
function suspicious(text: string, marks: string[]): number {
  for (let length = Math.min(LONGEST_MARK, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (marks.some((mark) => mark.startsWith(end))) return length;
  }
  return 0;
}

/** A closing mark after this text is spoken of, not used: in code, in quotes, or after its opening one was spoken of. */
function isMention(mark: string, before: string): boolean {
  const backticks = before.split("`").length - 1;
  const isOpened = MARKS.some(({ open, close }) => close === mark && lower(before).includes(open));
  return backticks % 2 === 1 || /["'“‘«`]$/.test(before) || isOpened;
}
