import { Lexer, type Links, type Token } from "marked";
import { memo, type ReactNode } from "react";
import { isMarked } from "./blocks.ts";
import { withCharacters } from "./character-references.ts";
import { GrowingText } from "./growing-text.tsx";
import { pieces } from "./pieces.ts";
import { SafeLink } from "./safe-link.tsx";

/** Emphasis in emphasis, and so on; what is deeper is text. */
const DEEPEST = 10;

interface InlineProps {
  text: string;
  links: Links;
}

/** What stands in a paragraph, a heading or a cell. */
export const Inline = memo(function Inline({ text, links }: InlineProps) {
  return pieces(text).map((piece, place) => <Piece key={place} text={piece} links={links} />);
});

/** For a text without any of these there is nothing to read. */
const MARKUP = /[\\`*_~[\]<>&!:@\n]|www\./;
const lexer = new Lexer({ gfm: true, breaks: true });

const Piece = memo(function Piece({ text, links }: InlineProps) {
  return shown(tokensOf(text, links), 0);
});

function tokensOf(text: string, links: Links): Token[] {
  if (!MARKUP.test(text)) return [{ type: "text", raw: text, text }];
  lexer.tokens.links = links;
  lexer.state.inLink = false;
  lexer.state.inRawBlock = false;
  return lexer.inlineTokens(text.replaceAll(/[ 	]{20,}/g, " "));
}

function shown(tokens: readonly Token[] | undefined, depth: number): ReactNode[] {
  return (tokens ?? []).filter(isMarked).map((token, place) => {
    const inner = (): ReactNode =>
      depth < DEEPEST && "tokens" in token ? shown(token.tokens, depth + 1) : <GrowingText text={token.raw} />;
    switch (token.type) {
      case "text":
        return <GrowingText key={place} text={withCharacters(token.text)} />;
      case "escape":
        return token.text;
      case "strong":
        return <strong key={place}>{inner()}</strong>;
      case "em":
        return <em key={place}>{inner()}</em>;
      case "del":
        return <del key={place}>{inner()}</del>;
      case "codespan":
        return (
          <code key={place} dir="auto">
            <GrowingText text={token.text} />
          </code>
        );
      case "br":
        return <br key={place} />;
      case "link":
        return (
          <SafeLink key={place} address={token.href}>
            {inner()}
          </SafeLink>
        );
      case "image":
        // Not loaded: whoever wrote the text would learn who reads it, and when.
        return (
          <SafeLink key={place} address={token.href}>
            <GrowingText text={token.text === "" ? "image" : withCharacters(token.text)} className="image" />
          </SafeLink>
        );
      case "html":
        // As it is written, but for the one tag without which many tables cannot be read.
        return /^<br\s*\/?>$/i.test(token.text) ? <br key={place} /> : <GrowingText key={place} text={token.text} />;
      default:
        return <GrowingText key={place} text={token.raw} />;
    }
  });
}
