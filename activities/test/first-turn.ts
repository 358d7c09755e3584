import type { Input } from "@holdfast/contract";
import type { StepRequest } from "@holdfast/internal";

let sessions = 0;

/**
 * The first turn of a session nobody else uses. `text` may carry directives for the model server (`faults:…`); then it is made
 * unique, because the server counts the calls of a text.
 */
export function firstTurn(said: string, request: StepRequest["request"] = {}): StepRequest {
  const name = `s${++sessions}`;
  const text = said.includes("faults:") ? `${said} in ${name}` : said;
  return {
    key: { tenant: "t", owner: "o", name },
    epoch: 1,
    agent: "concierge",
    turn: 1,
    step: 1,
    startedVersion: 1,
    origin: "user",
    inputs: [inputOf(text)],
    applied: { "ann/p": 1 },
    lengthBefore: 0,
    budgetMs: 120_000,
    request,
  };
}

export function inputOf(text: string, seq = 1): Input {
  return { by: "ann", producer: "p", seq, origin: "user", at: 1_700_000_000_000, text };
}
