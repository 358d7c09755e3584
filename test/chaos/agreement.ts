import { canonical } from "./difference.ts";
import type { ReaderRecord } from "./history.ts";
import { readingOf, type Step } from "./reading.ts";
import type { Violation } from "./violation.ts";

/** One fact as somebody was shown it. */
interface Shown {
  what: string;
  value: string;
  to: string;
}

/**
 * chain-2, frame-2: a session has one log, so all of its readers are given the same frame under one id and hold the same
 * state at one version. Says so once for each fact they were told differently.
 */
export function checkAgreement(session: string, readers: readonly ReaderRecord[]): Violation[] {
  const first = new Map<string, Shown>();
  const contradicted = new Map<string, Violation>();
  for (const reader of readers) {
    for (const step of readingOf(reader)) {
      for (const fact of factsOf(step, reader.name)) {
        const before = first.get(fact.what);
        if (before === undefined) first.set(fact.what, fact);
        else if (before.value !== fact.value && !contradicted.has(fact.what)) {
          const detail = `${fact.what} is not the same to ${before.to} and (at ${step.at} ms) ${fact.to}`;
          contradicted.set(fact.what, { promise: "diverged", session, detail });
        }
      }
    }
  }
  return [...contradicted.values()];
}

function factsOf({ frame, outcome, held }: Step, to: string): Shown[] {
  const facts: Shown[] = [];
  if (frame.type !== "snapshot") facts.push({ what: `frame ${frame.id}`, value: canonical(frame), to });
  if (outcome === "applied" && frame.type !== "delta" && frame.type !== "rewind")
    facts.push({ what: `the state of version ${held.version}`, value: canonical(held.state), to });
  return facts;
}
