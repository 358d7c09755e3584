/**
 * For the sequences of SEQUENCES.md: a client that is told each message there is, and fails at the first that is against
 * the schemas or the rules of SPEC.md.
 */
import { assert } from "vitest";
import { z } from "zod";
import { type Frame, frameSchema } from "../src/frames.ts";
import { wireErrorSchema } from "../src/errors.ts";
import { markOf } from "../src/marks.ts";
import { reduceFrame } from "../src/reduce.ts";
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
} from "../src/requests.ts";
import type { Snapshot } from "../src/snapshot.ts";

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
  assert.deepEqual(value, parsed);
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
      assert.notProperty(request, "cursor");
      assert.notProperty(request, "version");
      this.last = undefined;
    } else {
      assert.include(request, { cursor: this.last, version: this.held?.version });
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
    assert.equal(this.awaits, "frame", frame.type);
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
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => (numbers[0] ?? 0) + i),
  );
  if (turns.length === 0 && running !== null) assert.equal(running.turn, 1);
}

interface Request {
  name: string;
  body: { session?: string; events?: { seq: number; text?: string }[]; producer?: string };
}

/** One client: its connection, what it asked, and the sessions it reads. */
export class Client {
  readonly readers = new Map<string, Reader>();
  /** The session whose frames came last. */
  current: Reader | undefined;
  #connection: "up" | "connecting" | "down" = "up";
  readonly #open = new Set<string>();
  readonly #pending = new Map<string, Request>();
  /** Every event there was, by the name of what numbered it: send-4. */
  readonly #events = new Map<string, unknown>();

  connect(auth: unknown): void {
    checked(authSchema, auth);
    assert.equal(this.#connection, "down");
    this.#connection = "connecting";
  }

  refused(error: unknown): void {
    checked(wireErrorSchema, error);
    assert.equal(this.#connection, "connecting");
    this.#connection = "down";
  }

  lost(): void {
    assert.equal(this.#connection, "up");
    this.#connection = "down";
    this.#pending.clear();
    this.#open.clear();
  }

  ask(id: string, [name, body, ...more]: unknown[]): void {
    assert.equal(this.#connection, "up");
    assert.isFalse(this.#pending.has(id), `${id} is not answered yet`);
    assert.isEmpty(more);
    const schemas = REQUESTS[String(name)] ?? assert.fail(`no request: ${String(name)}`);
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
    assert.include([...this.#open], session);
    for (const event of events) {
      const name = `${session} ${markOf(producer, String(event.seq))}`;
      assert.deepEqual(this.#events.get(name) ?? event, event);
      this.#events.set(name, event);
    }
  }

  answered(id: string, [answer, ...more]: unknown[]): void {
    const request = this.#pending.get(id) ?? assert.fail(`nobody asked ${id}`);
    this.#pending.delete(id);
    assert.isEmpty(more);
    checked(REQUESTS[request.name]?.answer ?? assert.fail(), answer);
    const { ok } = z.object({ ok: z.boolean() }).parse(answer);
    const session = request.body.session ?? "";
    if (request.name === "open" && !ok) this.#open.delete(session);
    if (request.name === "open" && ok) {
      const { resumed } = z.object({ resumed: z.boolean() }).parse(answer);
      const reader = this.readers.get(session) ?? assert.fail();
      if (reader.last === undefined && !reader.hasSnapshot) assert.isFalse(resumed);
      // open-2: the snapshot is the first frame, whether it came before the answer or is still to come.
      if (!resumed && !reader.hasSnapshot) reader.awaits = "snapshot";
    }
    if (request.name === "send" && ok) {
      assert.deepEqual(answer, { ok: true, durable: request.body.events?.at(-1)?.seq });
    }
  }

  told([name, ...values]: unknown[]): void {
    if (name === "welcome") {
      assert.equal(this.#connection, "connecting");
      this.#connection = "up";
    }
    assert.equal(this.#connection, "up");
    if (name !== "frames") {
      const schema = MESSAGES[String(name)] ?? assert.fail(`no message: ${String(name)}`);
      checked(z.tuple([schema]), values);
      return;
    }
    const [session, frames] = checked(framesSchema, values);
    assert.include([...this.#open], session);
    for (const frame of frames) checked(frameSchema, frame);
    this.current = this.readers.get(session) ?? assert.fail();
    this.current.take(frames);
  }

  /** Nothing is left open at a sequence's end. */
  done(): void {
    assert.isEmpty([...this.#pending.values()]);
    for (const reader of this.readers.values()) assert.include(["frame", "snapshot"], reader.awaits);
  }
}
