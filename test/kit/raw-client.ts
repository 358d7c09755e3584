import { io, type Socket } from "socket.io-client";

/**
 * A client written from SPEC.md alone: plain `socket.io-client`, no Holdfast code, no shared reducer or schemas. If it
 * cannot do something from the page, the page is wrong. Its types are deliberately loose JSON.
 */
export type Obj = Record<string, unknown>;

/** A text or a reasoning has `text`; what else a part has is its type's. */
export interface RawPart extends Obj {
  type: string;
  text?: string;
  state?: string;
  inputText?: string;
}
export interface RawInput {
  by: string;
  producer: string;
  seq: number;
  origin: string;
  at: number;
  id?: string;
  text: string;
}
interface RawStep {
  step: number;
  attempt: number;
  parts: RawPart[];
}
interface RawBegun {
  turn: number;
  origin: string;
  inputs: RawInput[];
  replaces?: number[] | undefined;
  steps: RawStep[];
}
export interface RawTurn extends RawBegun {
  outcome: string;
  finish: string;
  usage?: { inputTokens?: number; outputTokens?: number };
  model?: string;
  by?: string;
  error?: { code: string; message: string };
}
export interface RawRunning extends RawBegun {
  step: number;
  attempt: number;
  index: number;
  parts: RawPart[];
  questions: Obj[];
}
export interface RawState {
  version: number;
  agent: string;
  state: Obj;
  turns: RawTurn[];
  running: RawRunning | null;
  applied: Record<string, number>;
}
interface RawFrame extends Obj {
  type: string;
  id: string;
  prev?: string;
  version: number;
  turn: number;
  step: number;
  attempt: number;
  index: number;
  at: number;
  begins?: string;
  text: string;
  part: RawPart;
  parts?: RawPart[];
  origin: string;
  inputs: RawInput[];
  agent: string;
  applied: Record<string, number>;
  replaces?: number[];
  questions: Obj[];
  outcome: string;
  finish: string;
  usage?: RawTurn["usage"];
  model?: string;
  error?: RawTurn["error"];
  by?: string;
  patch: { op: string; path: string; value?: unknown }[];
  snapshot: RawState;
}

/** part-2: a turn's text is that of its `text` parts, over all steps. */
export function rawText(turn: RawTurn | RawRunning | null | undefined): string {
  if (turn === null || turn === undefined) return "";
  const parts = [...turn.steps.flatMap((step) => step.parts), ...("parts" in turn ? turn.parts : [])];
  return parts.map(({ type, text }) => (type === "text" ? text : "")).join("");
}

/** Types of frame that raise the version. */
const VERSIONED = ["turn.started", "step.ended", "turn.waiting", "inputs.joined", "turn.ended", "state.patched"];
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
export function rawConnect(
  url: string,
  token: string,
  listen: (socket: Socket) => unknown = () => undefined,
): Promise<{ socket: Socket; welcome: Obj }> {
  const socket = rawSocket(url, { token, protocol: 1 });
  listen(socket);
  return new Promise((resolve, reject) => {
    const give = (up: Error): void => {
      clearTimeout(timer);
      socket.close();
      reject(up);
    };
    const timer = setTimeout(() => give(new Error("No welcome came.")), WELCOME_WITHIN_MS);
    const ended = (why: string): void => give(new Error(`The connection ended before welcome: ${why}`));
    socket.once("disconnect", ended);
    socket.once("welcome", (welcome: Obj) => {
      clearTimeout(timer);
      socket.off("disconnect", ended);
      resolve({ socket, welcome });
    });
    socket.on("connect_error", (error: Error & { data?: unknown }) => {
      give(Object.assign(new Error(error.message), { data: error.data }));
    });
  });
}

export async function ask(socket: Socket, event: string, request: Obj): Promise<Ack> {
  const ack: Ack = await socket.timeout(20_000).emitWithAck(event, request);
  return ack;
}

/** Follows one session as §8–§10 say. `breaks` counts what a reader should seldom see. */
export class RawReader {
  last: string | undefined;
  view: RawState = { version: 0, agent: "", state: {}, turns: [], running: null, applied: {} };
  readonly frames: RawFrame[] = [];
  /** Every partial text a person would have seen, in order. */
  readonly shown: { turn: number; text: string }[] = [];
  breaks = 0;
  /** Called with every frame as it came, before the reader judges it. */
  onFrame: (frame: unknown) => void = () => undefined;
  /** Called when it has taken what came. */
  onTaken: () => void = () => undefined;
  readonly #listeners = new Set<() => void>();
  #socket: Socket | undefined;
  readonly session: string;

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

  /** Resolves when `done` holds; rejects with what the reader holds after `timeoutMs`. */
  async until(done: (reader: RawReader) => boolean, timeoutMs = 30_000): Promise<void> {
    if (done(this)) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(check);
        reject(
          new Error(`waited ${timeoutMs} ms in vain; the reader holds ${JSON.stringify(this.view).slice(0, 2000)}`),
        );
      }, timeoutMs);
      const check = (): void => {
        if (!done(this)) return;
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve();
      };
      this.#listeners.add(check);
    });
  }

  readonly #take = (session: string, frames: RawFrame[]): void => {
    if (session !== this.session) return;
    for (const frame of frames) {
      this.frames.push(frame);
      this.onFrame(frame);
      if (frame.type === "snapshot") {
        this.view = structuredClone(frame.snapshot);
      } else if (frame.prev !== this.last) {
        return this.#reopen(true);
      } else if (!this.#apply(frame)) {
        return this.#reopen(false);
      }
      this.last = frame.id;
      if (this.view.running) this.shown.push({ turn: this.view.running.turn, text: rawText(this.view.running) });
    }
    for (const listener of this.#listeners) listener();
    this.onTaken();
  };

  /** chain-3 */
  #reopen(withCursor: boolean): void {
    this.breaks++;
    if (!withCursor) this.last = undefined;
    if (this.#socket) void this.open(this.#socket).catch(() => undefined);
  }

  /** §8; false: a gap. */
  #apply(frame: RawFrame): boolean {
    if (["delta", "part", "rewind"].includes(frame.type)) return this.#grow(frame);
    // frame-7, notice-1: nothing a reader holds.
    if (!VERSIONED.includes(frame.type)) return true;
    const { view } = this;
    if (frame.version <= view.version) return true;
    if (frame.version > view.version + 1) return false;
    const { running } = view;
    if (frame.type !== "turn.started" && frame.type !== "state.patched" && running?.turn !== frame.turn) return false;
    if (!this.#commit(frame, running)) return false;
    Object.assign(view.applied, frame.applied);
    if (frame.patch !== undefined) applyJsonPatch(view.state, frame.patch);
    view.version = frame.version;
    return true;
  }

  /** frame-2, frame-3: what the frame does to the turns; false: a gap. */
  #commit(frame: RawFrame, running: RawRunning | null): boolean {
    if (frame.type === "state.patched") return true;
    if (frame.type === "turn.started") {
      this.view.agent = frame.agent;
      this.view.running = { ...begunOf(frame), steps: [], step: 1, attempt: 1, index: 0, parts: [], questions: [] };
      return true;
    }
    if (running === null) return false;
    if (frame.type === "turn.waiting") running.questions = frame.questions;
    if (frame.type === "inputs.joined") running.inputs = [...running.inputs, ...frame.inputs];
    if (frame.type === "step.ended") return endStep(running, frame);
    if (frame.type !== "turn.ended") return true;
    if (frame.step !== undefined && !endStep(running, frame)) return false;
    const { outcome, finish, usage, model, error, by } = frame;
    const ended = given({ usage, model, error, by });
    this.view.turns.push({ ...begunOf(running), steps: running.steps, outcome, finish, ...ended });
    this.view.running = null;
    return true;
  }

  /** grow-1 … grow-4; false: a gap. */
  #grow(frame: RawFrame): boolean {
    const { running } = this.view;
    if (frame.turn <= (this.view.turns.at(-1)?.turn ?? 0)) return true;
    if (running?.turn !== frame.turn || frame.step > running.step) return false;
    if (frame.step < running.step || frame.attempt < running.attempt || frame.index <= running.index) return true;
    if (frame.type !== "rewind" && frame.index !== running.index + 1) return false;
    if (frame.type === "rewind") running.parts = structuredClone(frame.parts ?? []);
    else if (!placePart(running.parts, frame)) return false;
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

function begunOf({ turn, origin, inputs, replaces }: Omit<RawBegun, "steps">): Omit<RawBegun, "steps"> {
  return { turn, origin, inputs, ...given({ replaces }) };
}

/** The members that are there. */
function given<T extends object>(members: T): { [M in keyof T]?: Exclude<T[M], undefined> } {
  return JSON.parse(JSON.stringify(members));
}

/** RFC 6902 add, replace, remove: what frame-3 asks for. */
function applyJsonPatch(root: Obj, patch: RawFrame["patch"]): void {
  for (const { op, path, value: given } of patch) {
    // A copy: later patches change it in place, and the frame is evidence.
    const value = structuredClone(given);
    const keys = path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const name = keys.pop();
    if (name === undefined) throw new Error("a patch of the whole state is not used");
    let parent: unknown = root;
    for (const key of keys) parent = (parent as Obj)[key];
    if (Array.isArray(parent)) {
      const at = name === "-" ? parent.length : Number(name);
      if (op === "add") parent.splice(at, 0, value);
      else if (op === "remove") parent.splice(at, 1);
      else parent[at] = value;
      continue;
    }
    const target = parent as Obj;
    if (op !== "add" && !(name in target)) throw new Error(`${op} of ${path}, which is not there`);
    if (op === "remove") delete target[name];
    else target[name] = value;
  }
}
