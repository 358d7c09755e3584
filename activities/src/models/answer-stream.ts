import { createParser } from "eventsource-parser";
import { isObject, type JsonObject } from "./chunk.ts";
import { ModelError } from "./model-error.ts";

/** What comes out of the body of a completion. */
export type ServerEvent =
  | { kind: "object"; object: JsonObject }
  /** The server says that what follows is an error, whatever its shape. */
  | { kind: "error"; body: unknown }
  /** A comment, an event without data, a ping: the server lives. */
  | { kind: "alive" }
  /** Something that should have been JSON: a piece of the answer is lost. */
  | { kind: "garbled"; text: string }
  /** `[DONE]`: nothing that follows belongs to the answer. */
  | { kind: "done" };

/** UTF-16 code units of one event, or of an answer that is no stream: no server has a reason to send more. */
const LONGEST = 4 * 1024 * 1024;
/** Milliseconds for the end of a body whose answer is over. A connection that was read to its end is used again. */
const DRAIN_MS = 250;

/**
 * The events of a completion's body, in batches as they arrive. A body that is a JSON document instead of a stream of events (an
 * error with status 200, a server that ignores `stream`, one JSON object a line) is read as such, by how it begins: servers do not
 * agree on content types. Throws a `ModelError` for what is neither; the caller decides what a broken connection means.
 */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent[], void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let parser: BodyParser | undefined;
  let begun = "";
  let isAtEnd = false;
  try {
    while (!isAtEnd) {
      const { done, value } = await reader.read();
      isAtEnd = done;
      let text = value === undefined ? decoder.decode() : decoder.decode(value, { stream: true });
      if (parser === undefined) {
        begun += text;
        text = begun;
        if (begun.trim() !== "") parser = parserFor(begun.trimStart());
      }
      if (parser === undefined) continue;
      const events = parser.feed(text);
      if (isAtEnd) events.push(...parser.end());
      yield events;
    }
  } finally {
    if (!isAtEnd) drain(reader);
  }
}

interface BodyParser {
  feed(text: string): ServerEvent[];
  end(): ServerEvent[];
}

function parserFor(begin: string): BodyParser {
  if (begin.startsWith("<")) {
    throw new ModelError("broken", `The model server sent a web page (HOLDFAST_MODEL_URL): ${begin.slice(0, 200)}`);
  }
  return begin.startsWith("{") || begin.startsWith("[") ? jsonParser() : eventParser();
}

function eventParser(): BodyParser {
  let events: ServerEvent[] = [];
  const parser = createParser({
    maxBufferSize: LONGEST,
    onEvent: ({ event, data }) => {
      if (event === "error") events.push({ kind: "error", body: parsed(data) ?? data });
      else events.push(...eventsInText(data));
    },
    onComment: () => events.push({ kind: "alive" }),
    onError: ({ type, field, value, line }) => {
      if (type === "max-buffer-size-exceeded")
        throw new ModelError("broken", "The model server sent an endless event.");
      // llama.cpp names the field itself so.
      if (field === "error") events.push({ kind: "error", body: parsed(value ?? "") ?? value });
      // A gateway that fails writes its JSON into the stream as it is.
      else if (line?.startsWith("{") === true) events.push(...eventsInText(line));
    },
  });
  const feed = (text: string): ServerEvent[] => {
    events = [];
    parser.feed(text);
    return events;
  };
  // The last event may lack the empty line that ends it.
  return { feed, end: () => feed("\n\n") };
}

/** The data of one event: one object, or several a line where a server leaves out the empty lines between its events. */
function eventsInText(text: string): ServerEvent[] {
  const value = parsed(text);
  if (value !== undefined) return eventsIn(value);
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").flatMap((line) => eventsInLine(line));
}

function eventsInLine(line: string): ServerEvent[] {
  if (line === "[DONE]") return [{ kind: "done" }];
  const value = parsed(line);
  if (value !== undefined) return eventsIn(value);
  // "ping", "keep-alive": what is no JSON carries nothing. JSON that is cut short does.
  return [line.startsWith("{") || line.startsWith("[") ? { kind: "garbled", text: line } : { kind: "alive" }];
}

function eventsIn(value: unknown): ServerEvent[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.map((object) => (isObject(object) ? { kind: "object", object } : { kind: "alive" }));
}

/** A document is over when it is whole, though its connection may stay open; one object a line is a stream. */
function jsonParser(): BodyParser {
  let text = "";
  const take = (): ServerEvent[] => {
    if (!/[\]}]\s*$/.test(text)) return [];
    const value = parsed(text);
    const values = value === undefined ? text.trim().split("\n").map(parsed) : [value];
    if (values.includes(undefined)) return [];
    text = "";
    const isDocument = value !== undefined && !JSON.stringify(value).includes('"delta"');
    return [...values.flatMap((one) => eventsIn(one)), ...(isDocument ? [{ kind: "done" } as const] : [])];
  };
  return {
    feed: (more) => {
      text += more;
      if (text.length > LONGEST) throw new ModelError("broken", "The model server sent an endless document.");
      return take();
    },
    end: () => (text.trim() === "" ? [] : [{ kind: "garbled", text: text.slice(0, 200) }]),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function drain(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  const cancel = (): void => void reader.cancel().catch(() => {});
  const timer = setTimeout(cancel, DRAIN_MS);
  const readOn = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  readOn()
    .catch(() => {})
    .finally(() => clearTimeout(timer));
}
