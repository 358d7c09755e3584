import { textOfParts, type Input, type Part, type RunningTurn, type Turn } from "@holdfast/contract";

/** A part with its place in the turn, which it keeps from its first word on. */
export interface PlacedPart {
  key: string;
  part: Part;
  /** It is the one that the turn is adding to. */
  isGrowing: boolean;
}

/** What was said, and what was made of it until the next thing was said. */
export interface Exchange {
  inputs: readonly Input[];
  parts: readonly PlacedPart[];
  /** The turn may add to it. */
  isRunning: boolean;
}

/** A turn as it is read: inputs that joined it stand before the first step that knew them. */
export function exchangesOf(turn: Turn | RunningTurn): Exchange[] {
  const exchanges: { inputs: Input[]; parts: PlacedPart[]; isRunning: boolean }[] = [];
  const begin = (inputs: Input[]): void => void exchanges.push({ inputs, parts: [], isRunning: false });
  begin(turn.inputs.filter(({ step = 1 }) => step === 1));
  let rest = turn.inputs.filter(({ step = 1 }) => step > 1);
  for (const { step, parts, isRunning } of stepsOf(turn)) {
    const joined = rest.filter((input) => (input.step ?? 1) <= step);
    if (joined.length > 0) begin(joined);
    rest = rest.filter((input) => (input.step ?? 1) > step);
    const exchange = exchanges.at(-1);
    if (exchange === undefined) continue;
    exchange.isRunning = isRunning;
    for (const [at, part] of parts.entries()) {
      exchange.parts.push({ key: `${step}.${at}`, part, isGrowing: isRunning && at === parts.length - 1 });
    }
  }
  if (rest.length > 0) begin(rest);
  return exchanges;
}

function stepsOf(turn: Turn | RunningTurn): { step: number; parts: readonly Part[]; isRunning: boolean }[] {
  const ended = turn.steps.map(({ step, parts }) => ({ step, parts, isRunning: false }));
  return "outcome" in turn ? ended : [...ended, { step: turn.step, parts: turn.parts, isRunning: true }];
}

export function textOfExchange({ parts }: Exchange): string {
  return textOfParts(parts.map(({ part }) => part));
}
