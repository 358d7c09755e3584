import { connect, type HoldfastClient, type Receipt, type Session, type SessionView } from "@holdfast/client";
import { type Frame, type JsonObject, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { Socket } from "socket.io-client";
import type { ReaderRecord, SentEvent } from "./history.ts";
import { ask, rawConnect, RawReader } from "./raw-client.ts";

export interface ParticipantOptions {
  name: string;
  key: SessionKey;
  /** The session as the client asks for it (SPEC ids-2). Default: by its name, as its owner does. */
  ref?: string;
  /** Default: the concierge, who counts observes. */
  agent?: string;
  /** Sessions that it opens beside and says nothing to. */
  beside?: readonly string[];
  /** Whether it writes down every frame; it does unless told not to. */
  keepsFrames?: boolean;
  /** In the order in which they are tried. */
  edges: readonly string[];
  token: () => Promise<string>;
  /** Milliseconds since the run began. */
  clock: () => number;
  /** In [0, 1): how long it waits before it connects again; by chance if left out. */
  random?: () => number;
  onSent?: (event: SentEvent) => void;
  onDurable?: (event: SentEvent) => void;
  onConnection?: () => void;
}

/** One client of a run: says things in a session, reads it, and writes down both. */
export abstract class Participant {
  readonly name: string;
  readonly key: SessionKey;
  readonly path: string;
  readonly sent: SentEvent[] = [];
  protected readonly options: ParticipantOptions;
  readonly #frames: ReaderRecord["frames"] = [];

  constructor(options: ParticipantOptions) {
    this.options = options;
    this.name = options.name;
    this.key = options.key;
    this.path = sessionPath(options.key);
  }

  /** What it holds now. */
  abstract view(): Snapshot;
  abstract say(text: string): SentEvent;
  abstract observe(name: string): SentEvent;
  /** Lets go of what it holds and sends nothing more. */
  abstract close(): Promise<void>;

  /** All that it was given; `final` is what it holds when this is called. */
  record(): ReaderRecord {
    return { name: this.name, session: this.path, frames: this.#frames, final: this.view() };
  }

  protected given(frame: Frame): void {
    if (this.options.keepsFrames !== false) this.#frames.push({ at: this.options.clock(), frame });
  }

  protected note(producer: string, seq: number, kind: SentEvent["kind"], text: string): SentEvent {
    const event: SentEvent = {
      session: this.path,
      producer,
      seq,
      kind,
      text,
      at: this.options.clock(),
      durable: false,
    };
    this.sent.push(event);
    this.options.onSent?.(event);
    return event;
  }

  protected becameDurable(event: SentEvent): void {
    if (event.durable) return;
    event.durable = true;
    event.durableAt = this.options.clock();
    this.options.onDurable?.(event);
  }
}

/** One that also cuts the agent short, and can be waited for. */
export abstract class Talker extends Participant {
  /** Its session is open on a connection. */
  abstract readonly isOpen: boolean;
  /** Everything it said is in a turn, as it reads the session. */
  abstract readonly isApplied: boolean;
  /** Stops this turn, or whatever turn runs; resolves when that is answered. */
  abstract interrupt(turn?: number): Promise<unknown>;
  /** Closes its session first (SPEC open-5). */
  abstract leave(): Promise<void>;
  /** Resolves when it is so. Looks whenever something was received; without a bound it may wait for ever. */
  abstract until(what: string, isSo: () => boolean, withinMs?: number): Promise<void>;

  /** The running turn that took something it said. */
  get ownTurn(): Snapshot["running"] {
    const { running } = this.view();
    const isOwn = running?.inputs.some(({ producer, seq }) =>
      this.sent.some((event) => event.producer === producer && event.seq === seq),
    );
    return isOwn === true ? running : null;
  }
}

/** Waits until `isSo`, which `listen` is to call back for. */
function waitFor(
  what: string,
  isSo: () => boolean,
  listen: (check: () => void) => () => void,
  withinMs?: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      stop();
      settle();
    };
    const check = (): void => {
      if (isSo()) end(resolve);
    };
    const late = new Error(`Waited ${withinMs} ms in vain: ${what}.`);
    const timer = withinMs === undefined ? undefined : setTimeout(() => end(() => reject(late)), withinMs);
    const stop = listen(check);
    check();
  });
}

/** A client that uses `@holdfast/client`, as an application does. */
export class SdkParticipant extends Talker {
  readonly client: HoldfastClient;
  readonly session: Session;

  constructor(options: ParticipantOptions) {
    super(options);
    const random = firstEdgeFirst(options.random ?? Math.random);
    this.client = connect({ url: options.edges, token: options.token, client: "test/1", random });
    this.client.on("connection", (state) => {
      // Told twice: again when `welcome` names the node.
      if (state.state === "connected" && state.node === undefined) options.onConnection?.();
    });
    this.session = this.client.session(options.ref ?? options.key.name, { agent: options.agent ?? "concierge" });
    this.session.on("frame", (frame) => this.given(frame));
    for (const other of options.beside ?? []) this.client.session(other);
  }

  view(): Snapshot {
    return snapshotOf(this.session.get());
  }

  say(text: string): SentEvent {
    return this.#noted(this.session.send(text), "input", text);
  }

  observe(name: string): SentEvent {
    return this.#noted(this.session.observe(name), "observe", name);
  }

  interrupt(turn?: number): Promise<unknown> {
    return this.session.interrupt(turn === undefined ? {} : { turn });
  }

  get isOpen(): boolean {
    return this.client.connection.state === "connected" && this.session.get().delivery.state === "live";
  }

  get isApplied(): boolean {
    return this.session.get().pending.length === 0;
  }

  /** The view says that frames pause (SPEC open-6). */
  get isDegraded(): boolean {
    return this.session.get().degraded;
  }

  until(what: string, isSo: () => boolean, withinMs?: number): Promise<void> {
    const listen = (check: () => void): (() => void) => {
      const stops = [this.session.subscribe(check), this.client.on("connection", check)];
      return () => stops.forEach((stop) => stop());
    };
    return waitFor(`${this.name}: ${what}`, isSo, listen, withinMs);
  }

  async leave(): Promise<void> {
    await this.session.close();
    await this.close();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  #noted({ producer, seq, durable, applied }: Receipt, kind: SentEvent["kind"], text: string): SentEvent {
    const event = this.note(producer, seq, kind, text);
    durable.then(
      () => this.becameDurable(event),
      () => undefined,
    );
    applied.catch(() => undefined);
    return event;
  }
}

/** The client's first draw chooses its first edge. */
function firstEdgeFirst(random: () => number): () => number {
  let isFirst = true;
  return () => {
    if (!isFirst) return random();
    isFirst = false;
    return 0;
  };
}

/** What the client's view holds, as a snapshot. */
export function snapshotOf({ version, agent = "", turns, running, state }: SessionView): Snapshot {
  const copy: JsonObject = JSON.parse(JSON.stringify(state));
  return { version, agent, state: copy, turns: [...turns], running, applied: {} };
}

/** How many events it sends at once. */
const BATCH = 16;

/** A client that follows SPEC.md and nothing else: its own reconnecting, its own outbox, its own reader. */
export class RawParticipant extends Talker {
  readonly #reader: RawReader;
  readonly #loop: Promise<void>;
  readonly #checks = new Set<() => void>();
  #socket: Socket | undefined;
  #subject = "";
  #edge = 0;
  #commands = 0;
  #isOpen = false;
  #isClosed = false;
  #isForgotten = false;
  #wake: () => void = () => undefined;

  constructor(options: ParticipantOptions) {
    super(options);
    this.#reader = new RawReader(options.ref ?? options.key.name);
    // Whether it is a frame at all is for those to judge who look at the record.
    this.#reader.onFrame = (frame) => this.given(frame as Frame);
    this.#reader.onTaken = () => this.#changed();
    this.#loop = this.#live();
  }

  view(): Snapshot {
    const { version, agent, state, turns, running } = JSON.parse(JSON.stringify(this.#reader.view));
    return { version, agent, state, turns, running, applied: {} };
  }

  say(text: string): SentEvent {
    return this.#queue("input", text);
  }

  observe(name: string): SentEvent {
    return this.#queue("observe", name);
  }

  /** command-3: not durable before it is answered. Where there is no connection, it was only a wish. */
  async interrupt(turn?: number): Promise<unknown> {
    const socket = this.#socket;
    if (socket === undefined) return undefined;
    const id = `${this.name}-${++this.#commands}`;
    const args = turn === undefined ? {} : { args: { turn } };
    return ask(socket, "command", { session: this.#reader.session, id, name: "interrupt", ...args });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isApplied(): boolean {
    const last = this.sent.findLast(({ kind }) => kind === "input")?.seq ?? 0;
    return (this.#reader.view.applied[`${this.#subject}/${this.name}`] ?? 0) >= last;
  }

  until(what: string, isSo: () => boolean, withinMs?: number): Promise<void> {
    const listen = (check: () => void): (() => void) => {
      this.#checks.add(check);
      return () => this.#checks.delete(check);
    };
    return waitFor(`${this.name}: ${what}`, isSo, listen, withinMs);
  }

  /** Whatever it holds is gone: the next time it opens the session without a cursor. */
  forget(): void {
    this.#isOpen = false;
    this.#reader.last = undefined;
    this.#socket?.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#socket?.close();
    this.#wake();
    await this.#loop;
  }

  async leave(): Promise<void> {
    if (this.#socket !== undefined) await ask(this.#socket, "close", { session: this.#reader.session });
    await this.close();
  }

  /** Is not heard of again, and its connection is left as it is. */
  vanish(): void {
    this.#isForgotten = true;
    this.#isClosed = true;
    this.#wake();
  }

  /** connect-6: another edge and a random wait after each end. */
  async #live(): Promise<void> {
    const { edges, token, agent = "concierge", random = Math.random, beside = [], onConnection } = this.options;
    for (let failures = 0; !this.#isClosed; failures++) {
      const edge = edges[this.#edge++ % edges.length] ?? "";
      try {
        const { socket, welcome } = await rawConnect(edge, await token());
        this.#socket = socket;
        this.#subject = String(welcome["subject"]);
        onConnection?.();
        socket.once("disconnect", () => {
          this.#isOpen = false;
          this.#wake();
        });
        const opened = await this.#reader.open(socket, { agent });
        if (!opened.ok) throw new Error(opened.error?.message);
        for (const session of beside) ask(socket, "open", { session }).catch(() => undefined);
        this.#isOpen = socket.connected;
        this.#changed();
        failures = 0;
        while (socket.connected && !this.#isClosed) await this.#deliver(socket);
      } catch {
        // Whatever it was (refused, cut, no answer), it is tried again.
      }
      if (!this.#isForgotten) this.#socket?.close();
      if (!this.#isClosed) await this.#pause(random() * Math.min(200 * 2 ** failures, 5_000));
    }
  }

  /** ack-3: what was not answered is sent again, oldest first; waits when there is nothing to send. */
  async #deliver(socket: Socket): Promise<void> {
    const waiting = this.sent.filter((event) => !event.durable).slice(0, BATCH);
    if (waiting.length === 0) return this.#pause(10_000);
    const events = waiting.map(({ seq, kind, text }) =>
      kind === "input" ? { seq, kind, text } : { seq, kind, name: text },
    );
    const ack = await ask(socket, "send", { session: this.#reader.session, producer: this.name, events });
    const durable = ack.durable ?? 0;
    for (const event of waiting) if (event.seq <= durable) this.becameDurable(event);
    this.#changed();
    if (!ack.ok) await this.#pause(ack.error?.retryAfterMs ?? 100);
  }

  #queue(kind: SentEvent["kind"], text: string): SentEvent {
    const event = this.note(this.name, this.sent.length + 1, kind, text);
    this.#wake();
    return event;
  }

  #changed(): void {
    for (const check of this.#checks) check();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Each session once. */
export function sessionsOf(participants: readonly Participant[]): SessionKey[] {
  return [...new Map(participants.map(({ key, path }) => [path, key])).values()];
}

/** Some reader holds a turn under way. */
export function isMidStream(participants: readonly Participant[]): boolean {
  return participants.some((participant) => participant.view().running !== null);
}
