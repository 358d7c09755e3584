import type { Event, Frame, Json, JsonObject, Turn } from "@holdfast/contract";
import { z } from "zod";
import type { ConnectionState } from "./connection.ts";
import { Delivery } from "./delivery.ts";
import { Emitter, isolate } from "./emitter.ts";
import { clientError, type HoldfastError } from "./errors.ts";
import type { ResolvedOptions } from "./options.ts";
import { Outboxes, type EventBody } from "./outbox.ts";
import type { Receipt } from "./outbox-entry.ts";
import type { FrameOutcome, ReceivedFrame } from "./reader.ts";
import { Requests, type CommandOptions } from "./requests.ts";
import { buildView, type SessionView } from "./view.ts";
import type { Wire } from "./wire.ts";

export interface SessionOptions<Agent extends string = string> {
  /** Which agent a session that does not exist yet gets (SPEC open-1); the edge's default one if left out. */
  agent?: Agent;
  /**
   * Opens nothing until the session is used: subscribed to, sent to, commanded; and stops its frames some seconds after the
   * last subscriber has left and everything sent is durable. For UI frameworks, which render before they commit.
   */
  lazy?: boolean;
}

export interface SendOptions {
  data?: Json;
  /** The application's own name for the input, a name by SPEC ids-1. `pending` and the turn that takes the input give it back. */
  id?: string;
  /** SPEC trace-1: the W3C trace the input belongs to. */
  traceparent?: string;
}

/** A passing word of a session (SPEC notice-1). */
export interface Notice {
  name: string;
  data?: Json;
}

export interface SessionEvents {
  /** Every frame that arrives, with what became of it: for tests and checkers. */
  frame: [frame: Frame, outcome: FrameOutcome];
  /** Heard once or not at all: a notice is in no snapshot, so it is lost to a reader that missed it. */
  notice: [notice: Notice];
  /** An event was refused for good; also seen by its receipt and, for an input, in `pending`. */
  refused: [event: Event, error: HoldfastError];
}

/**
 * A conversation with one agent. All methods may be taken off the object and called alone. `State`: the agent's published
 * state, a type the agent's code exports.
 */
export interface Session<State extends object = JsonObject> {
  readonly name: string;
  /** An input: starts a turn (SPEC send-2). `text`: 1 to 32 KiB of UTF-8. */
  readonly send: (text: string, options?: SendOptions) => Receipt;
  /** A small fact: changes what the agent knows, starts nothing (SPEC send-3). */
  readonly observe: (name: string, data?: Json) => Receipt;
  /**
   * A command to the session (SPEC command-1), repeated until it is answered. `interrupt` is the only one so far; agents
   * have none of their own. Rejects with a `HoldfastError`: the edge's or the session's refusal, `aborted`, `closed`.
   */
  readonly command: (name: string, args?: JsonObject, options?: CommandOptions) => Promise<Json>;
  /**
   * Stops the running turn (SPEC command-2), by default the one that runs in this view, so that a late interrupt never
   * hits the turn after it. Resolves to the number of the turn it stopped, null if none was running.
   */
  readonly interrupt: (options?: CommandOptions & { turn?: number }) => Promise<{ turn: number | null }>;
  /**
   * Asks for the turns before the first of the view and puts them in front of it (SPEC history-1): the newest `limit` of them, at most
   * as many as one answer holds. Resolves to `hasOlder` of the view by then. A call while another is under way is that other
   * one. The view keeps the turns until a snapshot comes that they do not fit on. Rejects as `command` does.
   */
  readonly history: (options?: { limit?: number }) => Promise<boolean>;
  /** What is known now; the same object until something changes. */
  readonly get: () => SessionView<State>;
  /** The view before anything was received, which is what a server renders. */
  readonly getInitial: () => SessionView<State>;
  /** `listener` runs after a change, once for all changes of one packet. Returns the function that ends it. */
  readonly subscribe: (listener: () => void) => () => void;
  on<Name extends keyof SessionEvents>(name: Name, listener: (...args: SessionEvents[Name]) => void): () => void;
  /** Takes a refused input out of `pending`. */
  readonly dismiss: (input: { producer: string; seq: number }) => void;
  /**
   * Ends it here; the session itself lives on. Receipts and requests still open reject with `closed`. Resolves when what is
   * not durable may be adopted from the storage, if there is one.
   */
  readonly close: () => Promise<void>;
}

/** The client a session belongs to. */
export interface SessionDeps extends Pick<ResolvedOptions, "bounds" | "random" | "storage"> {
  connection: () => ConnectionState;
  degraded: () => boolean;
  /** The session wants frames: connect if need be, and `attach` it if connected. */
  wanted: () => void;
  /** Nobody uses the session, and nothing of it is under way: whoever still has it may use it again, or drop it. */
  unused: () => void;
  /** The session was closed; its name is free. */
  closed: () => void;
  problem: (error: HoldfastError) => void;
}

const interruptedSchema = z.object({ turn: z.number().nullable() });

/** Every session is this one class; `client.session` says which agent's state it shows. */
export class ClientSession implements Session {
  readonly name: string;
  #lazy: boolean;
  readonly #deps: SessionDeps;
  readonly #events = new Emitter<SessionEvents>();
  readonly #subscribers = new Set<() => void>();
  readonly #delivery: Delivery;
  readonly #outboxes: Outboxes;
  readonly #requests: Requests;
  readonly #initial: SessionView;
  #view: SessionView;
  #stale = false;
  #notifying = false;
  #active = false;
  #wire: Wire | undefined;
  #closed = false;
  #history: Promise<boolean> | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #adoption: ReturnType<typeof setInterval> | undefined;

  constructor(name: string, options: SessionOptions, deps: SessionDeps) {
    this.name = name;
    this.#lazy = options.lazy ?? false;
    this.#deps = deps;
    const { bounds, random, storage, problem } = deps;
    const common = { session: name, bounds, random };
    const changed = (): void => this.changed();
    const notOpen = (): void => this.#delivery.reopen();
    this.#delivery = new Delivery(
      { ...common, agent: options.agent },
      { changed, opened: () => this.#opened(), refused: (error) => this.#refused(error) },
    );
    this.#outboxes = new Outboxes(common, {
      storage,
      changed,
      notOpen,
      problem,
      sessionRefused: (error) => this.#delivery.refuse(error),
      refused: (event, error) => this.#events.emit("refused", event, error),
    });
    this.#requests = new Requests(common, { notOpen });
    this.#initial = this.#view = this.#build(undefined);
  }

  readonly send = (text: string, options: SendOptions = {}): Receipt => {
    const { data, id, traceparent } = options;
    const named = id !== undefined && { id };
    return this.#send({ kind: "input", ...named, text, ...(data !== undefined && { data }) }, traceparent);
  };

  readonly observe = (name: string, data?: Json): Receipt => {
    return this.#send({ kind: "observe", name, ...(data !== undefined && { data }) });
  };

  readonly command = async (name: string, args?: JsonObject, options: CommandOptions = {}): Promise<Json> => {
    this.#useForRequest();
    return this.#requests.command(name, args, options);
  };

  readonly interrupt = async (options: CommandOptions & { turn?: number } = {}): Promise<{ turn: number | null }> => {
    const turn = options.turn ?? this.get().running?.turn;
    const result = await this.command("interrupt", turn === undefined ? {} : { turn }, options);
    const parsed = interruptedSchema.safeParse(result);
    if (!parsed.success) throw clientError("bad_answer", z.prettifyError(parsed.error));
    return parsed.data;
  };

  readonly history = (options: { limit?: number } = {}): Promise<boolean> => {
    this.#history ??= this.#askHistory(options.limit).finally(() => (this.#history = undefined));
    return this.#history;
  };

  readonly get = (): SessionView => {
    if (this.#stale) {
      this.#stale = false;
      this.#view = this.#build(this.#view);
    }
    return this.#view;
  };

  readonly getInitial = (): SessionView => this.#initial;

  readonly subscribe = (listener: () => void): (() => void) => {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const subscriber = (): void => listener();
    this.#subscribers.add(subscriber);
    this.activate();
    return () => {
      this.#subscribers.delete(subscriber);
      this.#lingerIfUnused();
    };
  };

  readonly on: Session["on"] = (name, listener) => this.#events.on(name, listener);

  readonly dismiss = (input: { producer: string; seq: number }): void => this.#outboxes.dismiss(input);

  readonly close = async (): Promise<void> => {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimers();
    this.#delivery.end("closed");
    const error = clientError("closed");
    this.#requests.fail(error);
    this.#deps.closed();
    await this.#outboxes.close(error);
  };

  /** Somebody asked for the session without `lazy`: it stays open until it is closed. */
  pin(): void {
    this.#lazy = false;
    this.activate();
  }

  /** Opens, now or once there is a connection. A session that lingers begins to linger anew. */
  activate(): void {
    clearTimeout(this.#linger);
    if (this.#closed) return;
    if (this.#active) return this.#lingerIfUnused();
    this.#active = true;
    this.#delivery.want();
    this.#adoption = setInterval(() => void this.#outboxes.adopt(), this.#deps.bounds.adoptEveryMs);
    this.#deps.wanted();
    this.#lingerIfUnused();
  }

  attach(wire: Wire): void {
    if (!this.#active) return;
    this.#wire = wire;
    this.#delivery.attach(wire);
  }

  detach(): void {
    this.#wire = undefined;
    this.#delivery.detach();
    this.#outboxes.detach();
    this.#requests.detach();
  }

  /** The connection will not be made again by itself. Requests have nothing to wait for; events wait for `start`. */
  connectionRefused(error: HoldfastError): void {
    this.#requests.fail(error);
  }

  frames(frames: readonly ReceivedFrame[]): void {
    for (const received of frames) this.#frame(received);
    const { snapshot } = this.#delivery;
    const subject = this.#wire?.subject;
    if (snapshot !== undefined && subject !== undefined) this.#outboxes.applied(snapshot.applied, subject);
  }

  /** The view is not what it was. Subscribers hear of it in a microtask, once however much changes until then. */
  changed(): void {
    this.#stale = true;
    if (this.#notifying) return;
    this.#notifying = true;
    queueMicrotask(() => {
      this.#notifying = false;
      for (const subscriber of this.#subscribers) isolate(subscriber);
    });
  }

  #frame(received: ReceivedFrame): void {
    const before = this.#delivery.snapshot;
    const outcome = this.#delivery.read(received);
    // This comes before the listeners of the frame, so that they find it in the view.
    if (this.#delivery.snapshot !== before) this.changed();
    if (received.kind === "malformed") this.#deps.problem(clientError("bad_answer", received.issue));
    if (received.kind !== "snapshot" && received.kind !== "chained") return;
    const { frame } = received;
    this.#events.emit("frame", frame, outcome);
    if (frame.type !== "notice" || outcome !== "applied") return;
    const { name, data } = frame;
    this.#events.emit("notice", { name, ...(data !== undefined && { data }) });
  }

  #send(body: EventBody, traceparent?: string): Receipt {
    this.activate();
    return this.#outboxes.send(body, traceparent);
  }

  /** Throws where a request would wait for something that does not come. */
  #useForRequest(): void {
    if (this.#closed) throw clientError("closed");
    const connection = this.#deps.connection();
    if (connection.state === "refused") throw connection.error;
    if (this.#delivery.state.state === "refused") throw this.#delivery.state.error;
    this.activate();
  }

  async #askHistory(limit: number | undefined): Promise<boolean> {
    const { transcript } = this.#delivery;
    for (;;) {
      this.#useForRequest();
      const first: Turn | undefined = transcript.turns[0];
      if (first === undefined || !transcript.hasOlder) return false;
      const page = await this.#requests.history(first.turn, limit);
      const outcome = transcript.prepend(page, first);
      if (outcome === "misfit") throw clientError("bad_answer", `these turns are not those before turn ${first.turn}`);
      // Otherwise a snapshot came meanwhile, and the turns before its first have to be asked for anew.
      if (outcome === "added") {
        this.changed();
        return transcript.hasOlder;
      }
    }
  }

  #opened(): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    this.#outboxes.attach(wire);
    this.#requests.attach(wire);
    void this.#outboxes.adopt();
  }

  #refused(error: HoldfastError): void {
    this.#outboxes.refuseAll(error);
    this.#requests.detach();
    this.#requests.fail(error);
  }

  #lingerIfUnused(): void {
    if (!this.#lazy || !this.#active || this.#subscribers.size > 0) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      const atWork = this.#outboxes.unacked + this.#requests.length > 0;
      if (atWork) this.#lingerIfUnused();
      else this.#deactivate();
    }, this.#deps.bounds.lingerMs);
  }

  #deactivate(): void {
    this.#active = false;
    this.#wire = undefined;
    this.#stopTimers();
    this.#delivery.end("idle");
    this.#outboxes.detach();
    this.#requests.detach();
    // Inputs that are shown until a turn has taken them are known here alone.
    if (this.#outboxes.pending().length === 0) this.#deps.unused();
  }

  #stopTimers(): void {
    clearTimeout(this.#linger);
    clearInterval(this.#adoption);
  }

  #build(before: SessionView | undefined): SessionView {
    const { unacked, unapplied } = this.#outboxes;
    const { state, snapshot, transcript } = this.#delivery;
    return buildView(
      {
        connection: this.#deps.connection(),
        delivery: state,
        degraded: this.#deps.degraded(),
        snapshot,
        transcript,
        pending: this.#outboxes.pending(),
        lag: { unacked, unapplied },
      },
      before,
    );
  }
}
