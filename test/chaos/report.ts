import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { RunResult } from "./run.ts";

/** A run in a line, and each promise it broke in one more. */
export function told(name: string, { seed, strikes, acked, settledMs, violations }: RunResult): string {
  const struck = strikes
    .toSorted((a, b) => a.struckAtMs - b.struckAtMs)
    .map(({ fault, struckAtMs }) => `${fault} at ${(struckAtMs / 1_000).toFixed(1)} s`);
  const broken = violations.map((violation) => `\n  BROKEN ${JSON.stringify(violation)}`).join("");
  return `${name}, seed ${seed}: ${struck.join(", ")}; ${acked} acked, at rest after ${(settledMs / 1_000).toFixed(1)} s${broken}`;
}

/** Writes the whole of a run down, in one file a run, so that the first failure is not overwritten by the second. */
export async function keep(file: string, name: string, result: RunResult): Promise<void> {
  const { seed, strikes, history, violations } = result;
  const path = file.replace(/(\.json)?$/, `-${name.replaceAll(/\W+/g, "-")}-${seed}.json`);
  const transcripts = Object.fromEntries(history.transcripts);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ seed, violations, strikes, ...history, transcripts }, null, 1));
  console.error(`  the history is kept in ${path}`);
}
