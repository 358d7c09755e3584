import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Frame, frameSchema } from "./frames.ts";
import { wireErrorSchema } from "./errors.ts";
import { markOf } from "./marks.ts";
import { reduceFrame } from "./reduce.ts";
import {
  announcementSchema,
  authSchema,
  closeRequestSchema,
  closingSchema,
  commandAckSchema,
  commandRequestSchema,
  framesSchema,
  historyAckSchema,
  historyRequestSchema,
  openAckSchema,
  openRequestSchema,
  plainAckSchema,
  renewRequestSchema,
  sendAckSchema,
  sendRequestSchema,
  statusSchema,
  welcomeSchema,
} from "./requests.ts";
import type { Snapshot } from "./snapshot.ts";

const REQUESTS: Record<string, { request: z.ZodType; answer: z.ZodType }> = {
  open: { request: openRequestSchema, answer: openAckSchema },
  send: { request: sendRequestSchema, answer: sendAckSchema },
  command: { request: commandRequestSchema, answer: commandAckSchema },
  history: { request: historyRequestSchema, answer: historyAckSchema },
  close: { request: closeRequestSchema, answer: plainAckSchema },
  renew: { request: renewRequestSchema, answer: plainAckSchema },
};
const MESSAGES: Record<string, z.ZodType> = {
  welcome: welcomeSchema,
  status: statusSchema,
  expiring: z.object({ inMs: z.number() }),
  closing: closingSchema,
  announcement: announcementSchema,
};

/** Read, and written again: a member that no schema knows would be lost by it. */
function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.parse(value);
  expect(value).toEqual(parsed);
  return parsed;
}

/** One session as one connection reads it: chain-1, chain-3. */
class Reader {
  held: Snapshot | undefined;
  last: string | undefined;
  /** What became of each frame of the last packet. */
  outcomes: string[] = [];
  /** Since the last `open`: what the next frame must be, or that the session must be opened again. */
  awaits: "frame" | "snapshot" | "open with cursor" | "open without cursor" = "frame";
  /** Since the last `open`. */
  hasSnapshot = false;

  open(request: { cursor?: string | undefined; version?: number | undefined }): void {
    if (this.last === undefined || this.awaits === "open without cursor") {
      expect(request).not.toHaveProperty("cursor");
      expect(request).not.toHaveProperty("version");
      this.last = undefined;
    } else {
      expect(request).toMatchObject({ cursor: this.last, version: this.held?.version });
    }
    this.awaits = this.last === undefined ? "snapshot" : "frame";
    this.hasSnapshot = false;
  }

  take(frames: Frame[]): void {
    this.outcomes = frames.map((frame) => this.#take(frame));
  }

  #take(frame: Frame): string {
    if (this.awaits.startsWith("open")) return "dropped";
    if (frame.type === "snapshot") {
      checkNumbers(frame.snapshot);
      this.awaits = "frame";
      this.hasSnapshot = true;
      this.held = frame.snapshot;
      this.last = frame.id;
      return "applied";
    }
    expect({ awaits: this.awaits, frame: frame.type }).toEqual({ awaits: "frame", frame: frame.type });
    if (frame.prev !== this.last || this.held === undefined) {
      this.awaits = "open with cursor";
      return "gap in the chain";
    }
    const before = this.held;
    const reduction = reduceFrame(before, frame);
    if (reduction.outcome === "gap") {
      this.awaits = "open without cursor";
      return "version" in frame && frame.version > before.version + 1 ? "gap in the versions" : "gap in the growth";
    }
    this.last = frame.id;
    if (reduction.outcome === "applied") this.held = reduction.snapshot;
    checkNumbers(this.held);
    return reduction.outcome;
  }
}

/** snap-2, turn-1: turns are numbered without gaps, and the one that runs is the next. */
function checkNumbers({ turns, running }: Snapshot): void {
  const numbers = [...turns.map(({ turn }) => turn), ...(running === null ? [] : [running.turn])];
  expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  if (turns.length === 0 && running !== null) expect(running.turn).toBe(1);
}

interface Request {
  name: string;
  body: { session?: string; events?: { seq: number; text?: string }[]; producer?: string };
}

/** One client: its connection, what it asked, and the sessions it reads. */
class Client {
  readonly readers = new Map<string, Reader>();
  /** The session whose frames came last. */
  current: Reader | undefined;
  #connection: "up" | "connecting" | "down" = "up";
  #welcomed = true;
  readonly #open = new Set<string>();
  readonly #pending = new Map<string, Request>();
  /** Every event there was, by the name of what numbered it: send-4. */
  readonly #events = new Map<string, unknown>();

  connect(auth: unknown): void {
    checked(authSchema, auth);
    expect(this.#connection).toBe("down");
    this.#connection = "connecting";
    this.#welcomed = false;
  }

  refused(error: unknown): void {
    checked(wireErrorSchema, error);
    expect(this.#connection).toBe("connecting");
    this.#connection = "down";
  }

  lost(): void {
    expect(this.#connection).toBe("up");
    this.#connection = "down";
    this.#pending.clear();
    this.#open.clear();
  }

  ask(id: string, [name, body, ...more]: unknown[]): void {
    expect(this.#connection).toBe("up");
    expect({ id, isPending: this.#pending.has(id), more }).toEqual({ id, isPending: false, more: [] });
    const schemas = REQUESTS[String(name)] ?? expect.fail(`no request: ${String(name)}`);
    const request = { name: String(name), body: z.custom<Request["body"]>().parse(checked(schemas.request, body)) };
    this.#pending.set(id, request);
    const session = request.body.session ?? "";
    if (name === "open") {
      const reader = this.readers.get(session) ?? new Reader();
      this.readers.set(session, reader);
      reader.open(openRequestSchema.parse(body));
      this.#open.add(session);
    }
    if (name === "send") this.#send(sendRequestSchema.parse(body));
  }

  #send({ session, producer, events }: z.infer<typeof sendRequestSchema>): void {
    expect(this.#open).toContain(session);
    for (const event of events) {
      const name = `${session} ${markOf(producer, String(event.seq))}`;
      expect(this.#events.get(name) ?? event).toEqual(event);
      this.#events.set(name, event);
    }
  }

  answered(id: string, [answer, ...more]: unknown[]): void {
    const request = this.#pending.get(id) ?? expect.fail(`nobody asked ${id}`);
    this.#pending.delete(id);
    expect(more).toEqual([]);
    checked(REQUESTS[request.name]?.answer ?? expect.fail(), answer);
    const { ok } = z.object({ ok: z.boolean() }).parse(answer);
    const session = request.body.session ?? "";
    if (request.name === "open" && !ok) this.#open.delete(session);
    if (request.name === "open" && ok) {
      const { resumed } = z.object({ resumed: z.boolean() }).parse(answer);
      const reader = this.readers.get(session) ?? expect.fail();
      if (reader.last === undefined) expect(resumed).toBe(false);
      // open-2: the snapshot is the first frame, whether it came before the answer or is still to come.
      if (!resumed && !reader.hasSnapshot) reader.awaits = "snapshot";
    }
    if (request.name === "send" && ok) {
      expect(answer).toEqual({ ok: true, durable: request.body.events?.at(-1)?.seq });
    }
  }

  told([name, ...values]: unknown[]): void {
    if (name === "welcome") {
      expect(this.#connection).toBe("connecting");
      this.#connection = "up";
      this.#welcomed = true;
    }
    expect({ connection: this.#connection, welcomed: this.#welcomed }).toEqual({ connection: "up", welcomed: true });
    if (name !== "frames") {
      const schema = MESSAGES[String(name)] ?? expect.fail(`no message: ${String(name)}`);
      checked(z.tuple([schema]), values);
      return;
    }
    const [session, frames] = checked(framesSchema, values);
    expect(this.#open).toContain(session);
    for (const frame of frames) checked(frameSchema, frame);
    this.current = this.readers.get(session) ?? expect.fail();
    this.current.take(frames);
  }

  /** Nothing is left open at a sequence's end. */
  done(): void {
    expect([...this.#pending.values()]).toEqual([]);
    for (const reader of this.readers.values()) expect(["frame", "snapshot"]).toContain(reader.awaits);
  }
}

const page = readFileSync(new URL("../SEQUENCES.md", import.meta.url), "utf8");
const sequences = page
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [title = "", ...rest] = section.split("\n");
    const [prose = "", block = ""] = rest.join("\n").split(/^```(?:wire\n)?/m);
    const lines = block.replaceAll(/\n +/g, "").split("\n").filter(Boolean);
    return { title, rules: [...new Set(prose.match(/\b[a-z]+-\d+\b/g))].join(", "), lines };
  });

/** Runs the lines in order. What a line says of the frames above it is checked when the line after it is known. */
function run(lines: string[]): void {
  const clients = new Map<string, Client>();
  lines.forEach((line, i) => {
    const [, name = "", rest = ""] = /^(?:(\w+) (?=→|←|view |gap |ignored$))?(.*)$/.exec(line) ?? [];
    const isNew = !clients.has(name);
    const client = clients.get(name) ?? new Client();
    clients.set(name, client);
    const next = lines[i + 1]?.replace(name === "" ? "" : `${name} `, "") ?? "";
    if (isNew && rest.startsWith("→ CONNECT")) client.lost();
    runLine(client, rest, next);
  });
  for (const client of clients.values()) client.done();
}

function runLine(client: Client, line: string, next: string): void {
  const [, sign = "", id, text = ""] =
    /^(→|←|view|LOST|ignored|gap)(?: (\d+|CONNECT(?:_ERROR)?)(?= ))?(?: (.*))?$/.exec(line) ?? [];
  const array = (): unknown[] => z.array(z.unknown()).parse(JSON.parse(text));
  switch (`${sign} ${id ?? ""}`.trim()) {
    case "view":
      expect(client.current?.held).toMatchObject(z.record(z.string(), z.unknown()).parse(JSON.parse(text)));
      return;
    case "ignored":
    case "gap":
      expect(client.current?.outcomes.at(-1)).toBe(line);
      return;
    case "LOST":
      return client.lost();
    case "→ CONNECT":
      return client.connect(JSON.parse(text));
    case "← CONNECT_ERROR":
      return client.refused(JSON.parse(text));
    case "←":
      client.told(array());
      // Every frame is taken, but the last where the next line says otherwise.
      if (text.startsWith('["frames"')) {
        const outcomes = client.current?.outcomes ?? [];
        const last = /^(ignored|gap )/.test(next) ? next : "applied";
        expect(outcomes).toEqual([...outcomes.slice(1).map(() => "applied"), last]);
      }
      return;
  }
  if (id === undefined || !/^\d+$/.test(id)) expect.fail(`what is this? ${line}`);
  if (sign === "→") client.ask(id, array());
  else client.answered(id, array());
}

test("the page has ten sequences", () => {
  expect(sequences.map(({ title }) => title.split(".")[0])).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}`));
  for (const { title, lines } of sequences) {
    expect({ title, views: lines.some((line) => /\bview \{/.test(line)) }).toEqual({ title, views: true });
  }
});

test.each(sequences)("$rules: $title", ({ lines }) => {
  run(lines);
});

test("a page that is wrong is found out", () => {
  const lines = sequences[0]?.lines ?? [];
  const mistakes: [string, string][] = [
    ['"seq":1,"kind"', '"seq":0,"kind"'],
    ['"durable":1', '"durable":2'],
    ['"prev":"f1"', '"prev":"f0"'],
    ['"index":2,"at":1', '"index":3,"at":1'],
    ['"version":2,"turn":1', '"version":3,"turn":1'],
    ['"at":1,"text":" see', '"at":2,"text":" see'],
    ['"questions":1}', '"questions":2}'],
    ['"finish":"stop","step"', '"finish":"done","step"'],
    ['"usage":{', '"cost":{'],
    ["→ 1 [", "→ 0 ["],
    ["← 1 [", "← 2 ["],
    ['"frames","chat",[{"type":"delta","id":"f2"', '"frames","talk",[{"type":"delta","id":"f2"'],
  ];
  for (const [right, wrong] of mistakes) {
    const changed = lines.map((line) => line.replace(right, wrong));
    expect({ wrong, isAnother: changed.join() !== lines.join() }).toEqual({ wrong, isAnother: true });
    expect(() => run(changed), wrong).toThrow();
  }
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]?.startsWith("view")) continue;
    expect(() => run(lines.toSpliced(i, 1)), `without line ${i}: ${lines[i]}`).toThrow();
  }
});
