import type { Input, Turn } from "@holdfast/contract";

/**
 * What the model is asked in a turn: what was said before and got no answer, because it was cut short before the first
 * word, stands before it, a blank line between. Models want roles to alternate.
 */
export function promptOf(earlier: readonly Turn[], inputs: readonly Input[]): string {
  const unanswered = earlier.slice(earlier.findLastIndex(({ text }) => text !== "") + 1);
  return [...unanswered.flatMap((turn) => turn.inputs), ...inputs].map(({ text }) => text).join("\n\n");
}
