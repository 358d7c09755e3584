import { Lexer, Tokenizer, type Links, type MarkedToken, type Token, type Tokens } from "marked";
import { shownOf } from "./unfinished.ts";

/** `raw`: the source it was read from. Two blocks of the same kind and source look the same. */
export type Block = { raw: string } & (
  | { kind: "paragraph" | "heading" | "line"; text: string; depth: number }
  | { kind: "code"; text: string; language: string }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "list"; start: number | undefined; isLoose: boolean; items: ListItem[] }
  | { kind: "table"; align: Align[]; head: string[]; rows: string[][] }
  | { kind: "rule" }
  /** HTML, which is shown as it was written and never becomes part of the page. */
  | { kind: "literal"; text: string }
);
export interface ListItem {
  raw: string;
  /** Of a task: whether it is done. */
  isDone: boolean | undefined;
  blocks: Block[];
}
export type Align = "left" | "center" | "right" | null;

/** What a text is made of. `links`: where `[text][label]` leads; the same object until one of them changes. */
export interface Document {
  blocks: readonly Block[];
  links: Links;
}

/** Lists and quotations in each other; what is deeper is text. A hostile text would otherwise take seconds to read. */
const DEEPEST = 8;
/** A list with more text than this is cut into several where an item begins, so that not all of it is read again. */
const LONG_LIST = 8 * 1024;
const NO_LINKS: Links = Object.freeze({});

/**
 * Reads a Markdown text that grows. What was read stays: only the last two blocks can still change with what is added (a line may
 * continue the block before it), so only they are read again, and the others are the same objects as before.
 */
export class GrowingMarkdown {
  #source = "";
  #isWhole = false;
  #document: Document = { blocks: [], links: NO_LINKS };
  /** The blocks that cannot change any more, and the length of their source. */
  #settled: Block[] = [];
  #settledLength = 0;
  #settledLinks: Links = NO_LINKS;

  /** `isWhole`: nothing is added any more. Until then the end is shown only as far as it need not be taken back. */
  read(text: string, isWhole: boolean): Document {
    const source = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
    if (source === this.#source && isWhole === this.#isWhole) return this.#document;
    if (!source.startsWith(this.#source)) this.#forget();
    this.#source = source;
    this.#isWhole = isWhole;
    const rest = source.slice(this.#settledLength);
    const { tokens, links } = blockTokens(isWhole ? rest : shownOf(rest));
    const settled = isWhole ? tokens.length : settledCount(tokens);
    this.#settle(tokens.slice(0, settled));
    const open = tokens.slice(settled);
    const cut = isWhole ? undefined : this.#settleItems(open[0]);
    const last = cut === undefined ? open : [cut, ...open.slice(1)];
    this.#document = {
      blocks: [...this.#settled, ...last.flatMap(toBlock)],
      links: sameLinks(this.#document.links, { ...links, ...this.#settledLinks }),
    };
    return this.#document;
  }

  #forget(): void {
    this.#settled = [];
    this.#settledLength = 0;
    this.#settledLinks = NO_LINKS;
  }

  #settle(tokens: readonly MarkedToken[]): void {
    for (const token of tokens) {
      this.#settledLength += token.raw.length;
      this.#settled.push(...toBlock(token));
      if (token.type === "def" && !Object.hasOwn(this.#settledLinks, token.tag)) {
        this.#settledLinks = { ...this.#settledLinks, [token.tag]: token };
      }
    }
  }

  /** Settles all but the last two items of a long list, and returns the list that these make. */
  #settleItems(list: MarkedToken | undefined): MarkedToken | undefined {
    if (list?.type !== "list" || list.raw.length < LONG_LIST || list.items.length < 3) return undefined;
    const settled = list.items.slice(0, -2);
    const raw = settled.map((item) => item.raw).join("");
    this.#settle([{ ...list, raw, items: settled }]);
    const start = list.ordered ? Number(list.start) + settled.length : "";
    return { ...list, raw: list.raw.slice(raw.length), start, items: list.items.slice(-2) };
  }
}

class BoundedTokenizer extends Tokenizer {
  #depth = 0;

  override blockquote(source: string): Tokens.Blockquote | undefined {
    return this.#deeper(() => super.blockquote(source));
  }

  override list(source: string): Tokens.List | undefined {
    return this.#deeper(() => super.list(source));
  }

  #deeper<T>(read: () => T | undefined): T | undefined {
    if (this.#depth >= DEEPEST) return undefined;
    this.#depth++;
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }
}

function blockTokens(source: string): { tokens: MarkedToken[]; links: Links } {
  const lexer = new Lexer({ gfm: true, tokenizer: new BoundedTokenizer() });
  // Blocks only: what stands in a line is read where it is shown, so lines that did not change are not read again.
  const tokens = lexer.blockTokens(source, []).filter(isMarked);
  return { tokens, links: lexer.tokens.links };
}

/** How many tokens at the front cannot be changed by what follows: all before the last two that are not blank lines. */
function settledCount(tokens: readonly MarkedToken[]): number {
  let open = 0;
  for (let place = tokens.length - 1; place >= 0; place--) {
    if (tokens[place]?.type !== "space" && ++open === 2) return place;
  }
  return 0;
}

/** Without extensions there are no other tokens than these. */
export function isMarked(_token: Token): _token is MarkedToken {
  return true;
}

function toBlock(token: MarkedToken): Block[] {
  const { raw } = token;
  switch (token.type) {
    case "paragraph":
      return [{ raw, kind: "paragraph", text: token.text, depth: 0 }];
    case "heading":
      return [{ raw, kind: "heading", text: token.text, depth: token.depth }];
    case "text":
      return [{ raw, kind: "line", text: token.text, depth: 0 }];
    case "code":
      return [{ raw, kind: "code", text: token.text, language: /^[\w+#.-]*/.exec(token.lang ?? "")?.[0] ?? "" }];
    case "blockquote":
      return [{ raw, kind: "quote", blocks: token.tokens.filter(isMarked).flatMap(toBlock) }];
    case "list": {
      const start = token.ordered ? Number(token.start) : undefined;
      return [{ raw, kind: "list", start, isLoose: token.loose, items: token.items.map(toItem) }];
    }
    case "table": {
      const { align, header, rows } = token;
      const textsOf = (cells: Tokens.TableCell[]): string[] => cells.map(({ text }) => text);
      return [{ raw, kind: "table", align, head: textsOf(header), rows: rows.map(textsOf) }];
    }
    case "hr":
      return [{ raw, kind: "rule" }];
    case "html":
      return [{ raw, kind: "literal", text: token.text.trimEnd() }];
    default:
      return [];
  }
}

function toItem({ raw, task, checked, tokens }: Tokens.ListItem): ListItem {
  const blocks = tokens.filter(isMarked).flatMap(toBlock);
  const [first, ...others] = blocks;
  if (!task || first === undefined || !("depth" in first)) return { raw, isDone: undefined, blocks };
  // The box is drawn; it may still stand in the text.
  return {
    raw,
    isDone: checked === true,
    blocks: [{ ...first, text: first.text.replace(/^\[[ xX]\]\s*/, "") }, ...others],
  };
}

function sameLinks(before: Links, after: Links): Links {
  const labels = Object.keys(after);
  const isSame =
    labels.length === Object.keys(before).length && labels.every((label) => before[label]?.href === after[label]?.href);
  return isSame ? before : after;
}
