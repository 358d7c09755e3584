/**
 * Text as the inside of a JSON string, which is how the log keeps a turn's partial text. Redis keeps bytes, and text cut
 * between the halves of a surrogate pair has none in UTF-8; escaped halves can be stored, and joined by appending.
 */
export function escapeText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
