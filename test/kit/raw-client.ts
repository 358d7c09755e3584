import { io, type Socket } from "socket.io-client";
import { untilTold } from "./wait.ts";

/**
 * A client written from SPEC.md alone: plain `socket.io-client`, no Holdfast code, no shared reducer or schemas. If it
 * cannot do something from the page, the page is wrong. Its types are deliberately loose JSON.
 */
export type Obj = Record<string, unknown>;

/** A text or a reasoning has `text`; what else a part has is its type's. */
interface RawPart extends Obj {
  type: string;
  text?: string;
  state?: string;
  inputText?: string;
}
interface RawInput extends Obj {
  by: string;
  producer: string;
  seq: number;
  at: number;
  text: string;
}
interface RawTurn {
  turn: number;
  origin: string;
  inputs: RawInput[];
  replaces?: number[] | undefined;
  steps: { step: number; attempt: number; parts: RawPart[] }[];
  outcome?: string;
  finish?: string;
  usage?: Obj | undefined;
  model?: string | undefined;
  by?: string | undefined;
  error?: { code: string; message: string } | undefined;
}
interface RawRunning extends RawTurn {
  step: number;
  attempt: number;
  index: number;
  parts: RawPart[];
  questions: Obj[];
}
interface RawState {
  version: number;
  agent: string;
  state: Obj;
  turns: RawTurn[];
  running: RawRunning | null;
  applied: Record<string, number>;
}
/** Each type of frame has some of these. */
interface RawFrame extends Omit<RawRunning, "steps">, Omit<RawState, "state" | "turns" | "running"> {
  type: string;
  id: string;
  prev?: string;
  at: number;
  begins?: string;
  text: string;
  part: RawPart;
  outcome: string;
  finish: string;
  patch?: { op: string; path: string; value?: unknown }[];
  snapshot: RawState;
}

/** part-2: a turn's text is that of its `text` parts, over all steps. */
export function rawText(turn: RawTurn | RawRunning | null | undefined): string {
  if (turn === null || turn === undefined) return "";
  const parts = [...turn.steps.flatMap((step) => step.parts), ...("parts" in turn ? turn.parts : [])];
  return parts.map(({ type, text }) => (type === "text" ? text : "")).join("");
}

export interface Ack {
  ok: boolean;
  error?: { code: string; message: string; retryAfterMs?: number; after?: number };
  durable?: number;
  resumed?: boolean;
  result?: unknown;
}

export function rawSocket(url: string, auth: Obj): Socket {
  return io(url, { transports: ["websocket"], auth, reconnection: false, forceNew: true });
}

/** A connection on which nothing has come by then is given up: TCP alone never does. */
const WELCOME_WITHIN_MS = 20_000;

/**
 * Connects and resolves after `welcome`; rejects with the refusal's `data` (connect-3). `listen`: to what may come in the same
 * packet as the welcome.
 */
export async function rawConnect(
  url: string,
  token: string,
  listen: (socket: Socket) => unknown = () => undefined,
): Promise<{ socket: Socket; welcome: Obj }> {
  const socket = rawSocket(url, { token, protocol: 1 });
  listen(socket);
  const { promise: welcomed, resolve, reject } = Promise.withResolvers<Obj>();
  const timer = setTimeout(() => reject(new Error("No welcome came.")), WELCOME_WITHIN_MS);
  const ended = (why: string): void => reject(new Error(`The connection ended before welcome: ${why}`));
  socket.once("welcome", resolve).once("disconnect", ended);
  socket.on("connect_error", (error: Error & { data?: unknown }) => {
    reject(Object.assign(new Error(error.message), { data: error.data }));
  });
  try {
    return { socket, welcome: await welcomed };
  } catch (error) {
    socket.close();
    throw error;
  } finally {
    clearTimeout(timer);
    socket.off("disconnect", ended);
  }
}

export async function ask(socket: Socket, event: string, request: Obj): Promise<Ack> {
  const ack: Ack = await socket.timeout(20_000).emitWithAck(event, request);
  return ack;
}

/** Types of frame that raise the version. */
const VERSIONED = ["turn.started", "step.ended", "turn.waiting", "inputs.joined", "turn.ended", "state.patched"];
/** Types of frame of what the running step makes. */
const GROWING = ["delta", "part", "rewind"];

/** Follows one session as §8–§10 say. */
export class RawReader {
  last: string | undefined;
  view: RawState = { version: 0, agent: "", state: {}, turns: [], running: null, applied: {} };
  readonly frames: RawFrame[] = [];
  /** Every partial text a person would have seen, in order. */
  readonly shown: { turn: number; text: string }[] = [];
  /** How often it had to open again. */
  breaks = 0;
  /** Called with every frame as it came, before the reader judges it. */
  onFrame: (frame: unknown) => void = () => undefined;
  readonly session: string;
  readonly #listeners = new Set<() => void>();
  #socket: Socket | undefined;

  constructor(session: string) {
    this.session = session;
  }

  async open(socket: Socket, more: Obj = {}): Promise<Ack> {
    this.#socket = socket;
    socket.off("frames", this.#take);
    socket.on("frames", this.#take);
    const held = this.last === undefined ? {} : { cursor: this.last, version: this.view.version };
    return ask(socket, "open", { session: this.session, ...held, ...more });
  }

  /** Calls back when it has taken what came; what it gives ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Resolves when `done` holds; rejects with what the reader holds after `timeoutMs`. */
  until(done: (reader: RawReader) => boolean, timeoutMs = 30_000): Promise<void> {
    const isSo = (): boolean => done(this);
    const held = (): string => JSON.stringify(this.view).slice(0, 2_000);
    const late = (): Error => new Error(`waited ${timeoutMs} ms in vain; the reader holds ${held()}`);
    return untilTold(isSo, (look) => this.listen(look), late, timeoutMs);
  }

  readonly #take = (session: string, frames: RawFrame[]): void => {
    if (session !== this.session) return;
    for (const frame of frames) {
      this.frames.push(frame);
      this.onFrame(frame);
      if (frame.type === "snapshot") this.view = structuredClone(frame.snapshot);
      else if (frame.prev !== this.last) return this.#reopen(this.last);
      else if (!this.#apply(frame)) return this.#reopen(undefined);
      this.last = frame.id;
      const { running } = this.view;
      if (running) this.shown.push({ turn: running.turn, text: rawText(running) });
    }
    this.changed();
  };

  /** chain-3 */
  #reopen(cursor: string | undefined): void {
    this.breaks++;
    this.last = cursor;
    if (this.#socket) void this.open(this.#socket).catch(() => undefined);
  }

  /** §8; false: a gap. */
  #apply(frame: RawFrame): boolean {
    if (GROWING.includes(frame.type)) return this.#grow(frame);
    const { view } = this;
    // frame-7, notice-1: of other types a reader holds nothing.
    if (!VERSIONED.includes(frame.type) || frame.version <= view.version) return true;
    if (frame.version > view.version + 1 || !this.#commit(frame)) return false;
    Object.assign(view.applied, frame.applied);
    for (const operation of frame.patch ?? []) applyPatch(view.state, operation);
    view.version = frame.version;
    return true;
  }

  /** frame-2, frame-3: what the frame does to the turns; false: a gap. */
  #commit(frame: RawFrame): boolean {
    const { view } = this;
    if (frame.type === "state.patched") return true;
    if (frame.type === "turn.started") {
      const { turn, origin, inputs, replaces, agent } = frame;
      const step = { steps: [], step: 1, attempt: 1, index: 0, parts: [], questions: [] };
      view.agent = agent;
      view.running = copied({ turn, origin, inputs, replaces, ...step });
      return true;
    }
    const { running } = view;
    if (running?.turn !== frame.turn) return false;
    if (frame.type === "turn.waiting") running.questions = frame.questions;
    if (frame.type === "inputs.joined") running.inputs = [...running.inputs, ...frame.inputs];
    if (frame.type === "step.ended") return endStep(running, frame);
    if (frame.type !== "turn.ended") return true;
    if (frame.step !== undefined && !endStep(running, frame)) return false;
    const { turn, origin, inputs, replaces, steps } = running;
    const { outcome, finish, usage, model, error, by } = frame;
    view.turns.push(copied({ turn, origin, inputs, replaces, steps, outcome, finish, usage, model, error, by }));
    view.running = null;
    return true;
  }

  /** grow-1 … grow-4; false: a gap. */
  #grow(frame: RawFrame): boolean {
    const { running, turns } = this.view;
    if (frame.turn <= (turns.at(-1)?.turn ?? 0)) return true;
    if (running?.turn !== frame.turn || frame.step > running.step) return false;
    if (frame.step < running.step || frame.attempt < running.attempt || frame.index <= running.index) return true;
    if (frame.type === "rewind") running.parts = structuredClone(frame.parts);
    else if (frame.index !== running.index + 1 || !placePart(running.parts, frame)) return false;
    running.attempt = frame.attempt;
    running.index = frame.index;
    return true;
  }
}

/** frame-4, frame-6; false: a gap. */
function placePart(parts: RawPart[], { type, at, begins, text, part }: RawFrame): boolean {
  if (type === "part" || begins !== undefined) {
    if (at > parts.length || (begins !== undefined && at !== parts.length)) return false;
    parts[at] = begins === undefined ? structuredClone(part) : { type: begins, text };
    return true;
  }
  const grown = parts[at];
  if (grown?.type === "text" || grown?.type === "reasoning") grown.text = (grown.text ?? "") + text;
  else if (grown?.type === "tool" && grown.state === "writing") grown.inputText = (grown.inputText ?? "") + text;
  else return false;
  return true;
}

/** end-1: the step with its parts, those of the frame or those that are held; false: a gap. */
function endStep(running: RawRunning, { step, attempt, index, parts }: RawFrame): boolean {
  if (step !== running.step || (parts === undefined && index !== running.index)) return false;
  running.steps.push({ step, attempt, parts: structuredClone(parts) ?? running.parts });
  Object.assign(running, { step: step + 1, attempt: 1, parts: [] });
  return true;
}

/** Without the members that are not there. What a reader holds is changed in place, and a frame is evidence. */
function copied<T extends object>(members: T): T {
  return JSON.parse(JSON.stringify(members));
}

/** RFC 6902 add, replace, remove: what frame-3 asks for. */
function applyPatch(root: Obj, { op, path, value }: { op: string; path: string; value?: unknown }): void {
  const keys = path.split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  const name = keys.pop();
  if (name === undefined || keys.length === 0) throw new Error("a patch of the whole state is not used");
  let parent: unknown = root;
  for (const key of keys.slice(1)) parent = (parent as Obj)[key];
  if (Array.isArray(parent)) {
    const at = name === "-" ? parent.length : Number(name);
    parent.splice(at, op === "add" ? 0 : 1, ...(op === "remove" ? [] : [structuredClone(value)]));
    return;
  }
  const target = parent as Obj;
  if (op !== "add" && !(name in target)) throw new Error(`${op} of ${path}, which is not there`);
  if (op === "remove") delete target[name];
  else target[name] = structuredClone(value);
}
