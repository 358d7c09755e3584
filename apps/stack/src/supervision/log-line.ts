import { relative } from "node:path";
import { z } from "zod";
import { ROOT } from "../paths.ts";

const errorSchema = z.union([
  z.object({ message: z.string().default(""), stack: z.string().default("") }),
  // Workflow code can only tell of an error in words: its stack, which begins with them.
  z.string().transform((stack) => ({ message: stack, stack })),
]);
/** A line of an app's log. `err` is our own name for an error, `error` the SDK's. */
const lineSchema = z.object({
  level: z.number(),
  msg: z.string().default(""),
  err: errorSchema.optional().catch(undefined),
  error: errorSchema.optional().catch(undefined),
});

const WARNING = 40;
const ERROR = 50;

/** Where an author would look first: a frame in the agents, else one in the rest of the workflows. */
const PLACES = [
  /((?:\/[^\s():]+)?\/workflows\/src\/agents\/[^\s():]+):(\d+)/,
  /((?:\/[^\s():]+)?\/workflows\/src\/[^\s():]+):(\d+)/,
];

export interface LogLine {
  isError: boolean;
  isWarning: boolean;
  /** One line for a person. */
  text: string;
}

/** What a line of an app's log says; undefined for one that is no JSON of ours. */
export function readLogLine(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  const parsed = lineSchema.safeParse(parse(line));
  if (!parsed.success) return undefined;
  const { level, msg } = parsed.data;
  const error = parsed.data.err ?? parsed.data.error;
  const message = firstLine(error?.message ?? "");
  const said = message === "" || msg.includes(message) ? msg : [msg, message].filter((part) => part !== "").join(": ");
  return {
    isError: level >= ERROR,
    isWarning: level >= WARNING,
    text: `${firstLine(said)}${placeOf(error?.stack ?? "")}`,
  };
}

/** A log's end as a person would read it: without JSON, and of that only what went wrong, where anything did. */
export function readableLog(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const read = lines.map((line) => ({ line, log: readLogLine(line) }));
  const wrong = read.filter(({ log }) => log === undefined || log.isWarning);
  return (wrong.length > 0 ? wrong : read.slice(-3)).map(({ line, log }) => log?.text ?? line).join("\n");
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function placeOf(stack: string): string {
  const found = PLACES.map((place) => place.exec(stack)).find((match) => match !== null);
  if (found === undefined || found === null) return "";
  const [, path = "", line = ""] = found;
  return ` (${path.startsWith(ROOT) ? relative(ROOT, path) : path}:${line})`;
}
