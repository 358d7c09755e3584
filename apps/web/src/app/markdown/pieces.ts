/**
 * So many characters of a paragraph are read at once, and laid out anew when a code grows. Reading may take the square of the length,
 * and a hostile text sees to it.
 */
const MOST = 4 * 1024;

/** A long text cut at spaces. Where the text grows, the pieces before the last stay as they are. */
export function pieces(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  while (text.length - start > MOST) {
    const space = text.lastIndexOf(" ", start + MOST);
    const end = space > start ? space + 1 : start + MOST;
    found.push(text.slice(start, end));
    start = end;
  }
  return [...found, text.slice(start)];
}

export function lastPieceStart(text: string): number {
  return text.length <= MOST ? 0 : text.length - (pieces(text).at(-1)?.length ?? 0);
}

/** A long code cut where its lines end; a line is cut nowhere, because a cut would show as its end. */
export function linePieces(code: string): string[] {
  const found: string[] = [];
  let start = 0;
  while (code.length - start > MOST) {
    const end = code.lastIndexOf("\n", start + MOST);
    const next = end > start ? end + 1 : code.indexOf("\n", start + MOST) + 1;
    if (next <= start) break;
    found.push(code.slice(start, next));
    start = next;
  }
  return [...found, code.slice(start)];
}
