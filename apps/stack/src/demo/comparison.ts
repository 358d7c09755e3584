import { isDeepStrictEqual } from "node:util";
import { textOf, type Turn } from "@holdfast/contract";

/** One input of the conversation and what the model answered to it. */
export interface Expected {
  input: string;
  answer: string;
}

export interface Transcripts {
  expected: readonly Expected[];
  /** What the client holds at the end. */
  client: readonly Turn[];
  /** What the session's workflow holds, by Query. */
  workflow: readonly Turn[];
}

/** Every way in which the transcripts differ, as sentences; empty when nothing was lost, duplicated or garbled. */
export function differences({ expected, client, workflow }: Transcripts): string[] {
  return [
    ...compare("the workflow", workflow, expected),
    ...compare("the client", client, expected),
    ...(isDeepStrictEqual(client, workflow) ? [] : ["The client's transcript is not the workflow's."]),
  ];
}

function compare(who: string, turns: readonly Turn[], expected: readonly Expected[]): string[] {
  const problems: string[] = [];
  const taken = turns.flatMap((turn) => turn.inputs.map((input) => input.text));
  for (const { input } of expected) {
    const times = taken.filter((text) => text === input).length;
    if (times === 0) problems.push(`Lost: ${who} has no turn for “${input}”.`);
    if (times > 1) problems.push(`Duplicated: ${who} has ${times} turns for “${input}”.`);
  }
  if (turns.length !== expected.length) {
    problems.push(`${who} has ${turns.length} turns for ${expected.length} inputs.`);
  }
  for (const [index, { input, answer }] of expected.entries()) {
    const turn = turns[index];
    if (turn === undefined) continue;
    const got = turn.inputs.map(({ text }) => text).join(" + ");
    if (got !== input) problems.push(`Out of order: ${who}'s turn ${turn.turn} answers “${got}”, not “${input}”.`);
    if (turn.outcome !== "completed") problems.push(`${who}'s turn ${turn.turn} is ${turn.outcome}, not completed.`);
    const text = textOf(turn);
    if (text !== answer) problems.push(`Garbled: ${who}'s turn ${turn.turn} ${firstDifference(text, answer)}.`);
  }
  return problems;
}

function firstDifference(got: string, wanted: string): string {
  let at = 0;
  while (at < got.length && got[at] === wanted[at]) at++;
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 12), at + 24));
  return `differs from what the model said at character ${at}: ${around(got)} instead of ${around(wanted)}`;
}
