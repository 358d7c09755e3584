import { connect, type HoldfastClient, type Receipt, type Session, type SessionView } from "@holdfast/client";
import { type Frame, type JsonObject, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { Socket } from "socket.io-client";
import type { ReaderRecord, SentEvent } from "./history.ts";
import { ask, rawConnect, RawReader } from "./raw-client.ts";
import { untilTold } from "./wait.ts";

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
    const at = this.options.clock();
    const event: SentEvent = { session: this.path, producer, seq, kind, text, at, durable: false };
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
  /** Calls back whenever something was received; what it gives ends it. */
  protected abstract listen(look: () => void): () => void;

  /** Resolves when it is so. Looks whenever something was received; without a bound it may wait for ever. */
  until(what: string, isSo: () => boolean, withinMs?: number): Promise<void> {
    const late = (): Error => new Error(`Waited ${withinMs} ms in vain: ${this.name}: ${what}.`);
    return untilTold(isSo, (look) => this.listen(look), late, withinMs);
  }

  /** The running turn that took something it said. */
  get ownTurn(): Snapshot["running"] {
    const { running } = this.view();
    const isOwn = running?.inputs.some(({ producer, seq }) =>
      this.sent.some((event) => event.producer === producer && event.seq === seq),
    );
    return isOwn === true ? running : null;
  }
}

/** A client that uses `@holdfast/client`, as an application does. */
export class SdkParticipant extends Talker {
  readonly client: HoldfastClient;
  readonly session: Session;

  constructor(options: ParticipantOptions) {
    super(options);
    const { edges, token, key, ref = key.name, agent = "concierge", beside = [], onConnection } = options;
    const random = firstEdgeFirst(options.random ?? Math.random);
    this.client = connect({ url: edges, token, client: "test/1", random });
    this.client.on("connection", (state) => {
      // Told twice: again when `welcome` names the node.
      if (state.state === "connected" && state.node === undefined) onConnection?.();
    });
    this.session = this.client.session(ref, { agent });
    this.session.on("frame", (frame) => this.given(frame));
    for (const other of beside) this.client.session(other);
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

  async leave(): Promise<void> {
    await this.session.close();
    await this.close();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  protected listen(look: () => void): () => void {
    const stops = [this.session.subscribe(look), this.client.on("connection", look)];
    return () => stops.forEach((stop) => stop());
  }

  #noted({ producer, seq, durable, applied }: Receipt, kind: SentEvent["kind"], text: string): SentEvent {
    const event = this.note(producer, seq, kind, text);
    const ignored = (): void => undefined;
    durable.then(() => this.becameDurable(event), ignored);
    applied.catch(ignored);
    return event;
  }
}

/** The client's first draw chooses its first edge. */
function firstEdgeFirst(random: () => number): () => number {
  const draws = [0];
  return () => draws.pop() ?? random();
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
  #socket: Socket | undefined;
  #subject = "";
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
    this.#loop = this.#live();
  }

  view(): Snapshot {
    return { ...JSON.parse(JSON.stringify(this.#reader.view)), applied: {} };
  }

  say(text: string): SentEvent {
    return this.#queue("input", text);
  }

  observe(name: string): SentEvent {
    return this.#queue("observe", name);
  }

  /** command-3: not durable before it is answered. Where there is no connection, it was only a wish. */
  async interrupt(turn?: number): Promise<unknown> {
    if (this.#socket === undefined) return undefined;
    const stop = { session: this.#reader.session, id: `${this.name}-${++this.#commands}`, name: "interrupt" };
    return ask(this.#socket, "command", turn === undefined ? stop : { ...stop, args: { turn } });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isApplied(): boolean {
    const last = this.sent.findLast(({ kind }) => kind === "input")?.seq ?? 0;
    return (this.#reader.view.applied[`${this.#subject}/${this.name}`] ?? 0) >= last;
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

  protected listen(look: () => void): () => void {
    return this.#reader.listen(look);
  }

  /** connect-6: another edge and a random wait after each end. */
  async #live(): Promise<void> {
    const { edges, token, random = Math.random } = this.options;
    for (let attempt = 0, failures = 0; !this.#isClosed; attempt++, failures++) {
      try {
        const socket = await this.#open(edges[attempt % edges.length] ?? "", await token());
        failures = 0;
        while (socket.connected && !this.#isClosed) await this.#deliver(socket);
      } catch {
        // Whatever it was (refused, cut, no answer), it is tried again.
      }
      if (!this.#isForgotten) this.#socket?.close();
      if (!this.#isClosed) await this.#pause(random() * Math.min(200 * 2 ** failures, 5_000));
    }
  }

  async #open(edge: string, token: string): Promise<Socket> {
    const { agent = "concierge", beside = [], onConnection } = this.options;
    const { socket, welcome } = await rawConnect(edge, token);
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
    this.#reader.changed();
    return socket;
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
    this.#reader.changed();
    if (!ack.ok) await this.#pause(ack.error?.retryAfterMs ?? 100);
  }

  #queue(kind: SentEvent["kind"], text: string): SentEvent {
    const event = this.note(this.name, this.sent.length + 1, kind, text);
    this.#wake();
    return event;
  }

  /** Until it is over, or there is something to do. */
  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    return promise.finally(() => clearTimeout(timer));
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
