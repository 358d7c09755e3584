import type { Input, Part, RunningTurn, Turn } from "@holdfast/contract";

export const inputOf = (seq: number, more: Partial<Input> = {}): Input => ({
  by: "bob",
  producer: "tab",
  seq,
  origin: "user",
  at: 0,
  text: "Hello",
  ...more,
});

const begun = (): Pick<Turn, "turn" | "origin" | "inputs"> => ({ turn: 1, origin: "user", inputs: [inputOf(1)] });

/** A whole answer in one step, unless `more` has it otherwise. */
export function turnOf(parts: Part[], more: Partial<Turn> = {}): Turn {
  const steps = [{ step: 1, attempt: 1, parts }];
  return { ...begun(), steps, outcome: "completed", finish: "stop", ...more };
}

/** In its first step, unless `more` has it otherwise. */
export function runningOf(parts: Part[], more: Partial<RunningTurn> = {}): RunningTurn {
  return { ...begun(), steps: [], step: 1, attempt: 1, index: 1, parts, questions: [], ...more };
}
