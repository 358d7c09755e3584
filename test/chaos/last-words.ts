import { readFileSync } from "node:fs";
import { z } from "zod";

/** Pino's `error`. */
const ERROR = 50;
/** Characters: enough for a message and the top of its stack. */
const MOST = 600;

const lineSchema = z.object({
  level: z.number(),
  msg: z.string(),
  err: z.looseObject({ stack: z.string().optional(), message: z.string().optional() }).optional(),
});

/** What a process that has just ended wrote last of its trouble: its newest error, or its newest line where it told of none. */
export function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n").toReversed();
  for (const line of lines) {
    const said = lineSchema.safeParse(parsed(line));
    if (!said.success || said.data.level < ERROR) continue;
    const { msg, err } = said.data;
    return `${msg}: ${err?.stack ?? err?.message ?? ""}`.slice(0, MOST);
  }
  return (lines[0] ?? "").slice(0, MOST);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
