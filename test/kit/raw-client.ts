import { io, type Socket } from "socket.io-client";

/**
 * A client written from SPEC.md alone: plain `socket.io-client`, no Holdfast code, no shared reducer or schemas. If it
 * cannot do something from the page, the page is wrong. Its types are deliberately loose JSON.
 */
export type Obj = Record<string, unknown>;

export interface RawTurn {
  turn: number;
  inputs: { by: string; producer: string; seq: number; text: string }[];
  outcome: string;
  text: string;
  finish: string;
  by?: string;
  error?: { code: string; message: string };
}
export interface RawRunning {
  turn: number;
  inputs: RawTurn["inputs"];
  step: number;
  attempt: number;
  index: number;
  text: string;
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
  text: string;
  finish: string;
  by?: string;
  inputs: RawTurn["inputs"];
  agent: string;
  applied: Record<string, number>;
  patch: { op: string; path: string; value?: unknown }[];
  error: { code: string; message: string };
  snapshot: RawState;
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
      if (this.view.running) this.shown.push({ turn: this.view.running.turn, text: this.view.running.text });
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
    const view = this.view;
    switch (frame.type) {
      case "delta":
      case "rewind":
        return this.#applyText(frame);
      case "turn.started":
      case "turn.completed":
      case "turn.interrupted":
      case "turn.failed":
      case "state.patched":
        break;
      default:
        return true;
    }
    if (frame.version <= view.version) return true;
    if (frame.version > view.version + 1) return false;
    view.version = frame.version;
    if (frame.type === "turn.started") {
      view.agent = frame.agent;
      Object.assign(view.applied, frame.applied);
      view.running = { turn: frame.turn, inputs: frame.inputs, step: 1, attempt: 1, index: 0, text: "" };
      return true;
    }
    applyJsonPatch(view.state, frame.patch);
    if (frame.type === "state.patched") return true;
    const inputs = view.running?.turn === frame.turn ? view.running.inputs : [];
    const outcome = frame.type.slice("turn.".length);
    view.turns.push({
      turn: frame.turn,
      inputs,
      outcome,
      text: frame.text,
      finish: frame.finish,
      ...(frame.error && { error: frame.error }),
      ...(frame.by !== undefined && { by: frame.by }),
    });
    view.running = null;
    return true;
  }

  #applyText(frame: RawFrame): boolean {
    const running = this.view.running;
    if (frame.turn <= (this.view.turns.at(-1)?.turn ?? 0)) return true;
    if (running?.turn !== frame.turn) return false;
    const older = frame.step < running.step || (frame.step === running.step && frame.attempt < running.attempt);
    if (older || frame.index <= running.index) return true;
    if (frame.type === "delta" && frame.index !== running.index + 1) return false;
    running.text = frame.type === "rewind" ? frame.text : running.text + frame.text;
    Object.assign(running, { step: frame.step, attempt: frame.attempt, index: frame.index });
    return true;
  }
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
