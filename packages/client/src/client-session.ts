import type { Json, JsonObject } from "@holdfast/contract";
import { z } from "zod";
import { Commands, type CommandOptions } from "./commands.ts";
import type { ConnectionState } from "./connection-state.ts";
import { Delivery } from "./delivery.ts";
import { Emitter, isolate } from "./emitter.ts";
import { clientError, type HoldfastError } from "./errors.ts";
import type { EventBody } from "./outbox.ts";
import type { Receipt } from "./outbox-entry.ts";
import type { OutboxStorage } from "./outbox-storage.ts";
import { Outboxes } from "./outboxes.ts";
import type { ReceivedFrame } from "./received-frame.ts";
import type { Session, SessionEvents, SessionOptions } from "./session.ts";
import type { Tuning } from "./tuning.ts";
import { buildView, type SessionView } from "./view.ts";
import type { Wire } from "./wire.ts";

/** What a session needs of the client it belongs to. */
export interface SessionHost {
  readonly tuning: Tuning;
  readonly random: () => number;
  readonly storage: OutboxStorage | undefined;
  connection(): ConnectionState;
  degraded(): boolean;
  /** The session wants frames: connect if need be, and `attach` it if connected. */
  wanted(): void;
  /** Nobody uses the session, and nothing of it is under way: who still has it may use it again, or drop it. */
  unused(): void;
  /** The session was closed; its name is free. */
  closed(): void;
  problem(error: HoldfastError): void;
}

const interruptedSchema = z.object({ turn: z.number().nullable() });

/** Every session is this one class; `client.session` says which agent's state it shows. */
export class ClientSession implements Session {
  readonly name: string;
  #lazy: boolean;
  readonly #host: SessionHost;
  readonly #events = new Emitter<SessionEvents>();
  readonly #subscribers = new Set<() => void>();
  readonly #delivery: Delivery;
  readonly #outboxes: Outboxes;
  readonly #commands: Commands;
  readonly #initial: SessionView;
  #view: SessionView;
  #stale = false;
  #notifying = false;
  #active = false;
  #wire: Wire | undefined;
  #closed = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #adoption: ReturnType<typeof setInterval> | undefined;

  constructor(name: string, options: SessionOptions, host: SessionHost) {
    this.name = name;
    this.#lazy = options.lazy ?? false;
    this.#host = host;
    const { tuning, random, storage } = host;
    const changed = (): void => this.changed();
    const notOpen = (): void => this.#delivery.reopen();
    const sessionRefused = (error: HoldfastError): void => this.#delivery.refuse(error);
    this.#delivery = new Delivery(
      { session: name, agent: options.agent, tuning, random },
      { changed, opened: () => this.#opened(), refused: (error) => this.#refused(error) },
    );
    this.#outboxes = new Outboxes(
      { session: name, tuning, random, storage },
      {
        changed,
        notOpen,
        sessionRefused,
        refused: (event, error) => this.#events.emit("refused", event, error),
        problem: (error) => host.problem(error),
      },
    );
    this.#commands = new Commands({ session: name, tuning, random, notOpen });
    this.#initial = this.#view = this.#build(undefined);
  }

  readonly send = (text: string, options: { data?: Json } = {}): Receipt => {
    const { data } = options;
    return this.#send({ kind: "input", text, ...(data !== undefined && { data }) });
  };

  readonly observe = (name: string, data?: Json): Receipt => {
    return this.#send({ kind: "observe", name, ...(data !== undefined && { data }) });
  };

  readonly command = async (name: string, args?: JsonObject, options: CommandOptions = {}): Promise<Json> => {
    if (this.#closed) throw clientError("closed");
    const connection = this.#host.connection();
    if (connection.state === "refused") throw connection.error;
    if (this.#delivery.state.state === "refused") throw this.#delivery.state.error;
    this.activate();
    return this.#commands.run(name, args, options);
  };

  readonly interrupt = async (
    options: { turn?: number; signal?: AbortSignal } = {},
  ): Promise<{ turn: number | null }> => {
    const turn = options.turn ?? this.get().streaming?.turn;
    const result = await this.command("interrupt", turn === undefined ? {} : { turn }, options);
    const parsed = interruptedSchema.safeParse(result);
    if (!parsed.success) throw clientError("bad_answer", z.prettifyError(parsed.error));
    return parsed.data;
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
    this.#commands.fail(error);
    this.#host.closed();
    await this.#outboxes.close(error);
  };

  /** Somebody asked for it who is not lazy: it stays open until it is closed. */
  pin(): void {
    this.#lazy = false;
    this.activate();
  }

  /** Opens, now or once there is a connection. One that lingers begins to linger anew. */
  activate(): void {
    clearTimeout(this.#linger);
    if (this.#closed) return;
    if (this.#active) return this.#lingerIfUnused();
    this.#active = true;
    this.#delivery.want();
    this.#adoption = setInterval(() => void this.#outboxes.adopt(), this.#host.tuning.adoptEveryMs);
    this.#host.wanted();
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
    this.#commands.detach();
  }

  /** The connection will not be made again by itself. Commands have nothing to wait for; events wait for `start`. */
  connectionRefused(error: HoldfastError): void {
    this.#commands.fail(error);
  }

  frames(frames: readonly ReceivedFrame[]): void {
    for (const received of frames) {
      const outcome = this.#delivery.read(received);
      // Before the listeners of the frame, who then find it in the view.
      if (outcome === "applied") this.changed();
      if (received.kind === "malformed") this.#host.problem(clientError("bad_answer", received.issue));
      else if (received.kind !== "unknown") this.#events.emit("frame", received.frame, outcome);
    }
    const snapshot = this.#delivery.snapshot;
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

  #send(body: EventBody): Receipt {
    this.activate();
    return this.#outboxes.send(body);
  }

  #opened(): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    this.#outboxes.attach(wire);
    this.#commands.attach(wire);
    void this.#outboxes.adopt();
  }

  #refused(error: HoldfastError): void {
    this.#outboxes.refuseAll(error);
    this.#commands.detach();
    this.#commands.fail(error);
  }

  #lingerIfUnused(): void {
    if (!this.#lazy || !this.#active || this.#subscribers.size > 0) return;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      const atWork = this.#outboxes.unacked + this.#commands.length > 0;
      if (atWork) this.#lingerIfUnused();
      else this.#deactivate();
    }, this.#host.tuning.lingerMs);
  }

  #deactivate(): void {
    this.#active = false;
    this.#wire = undefined;
    this.#stopTimers();
    this.#delivery.end("idle");
    this.#outboxes.detach();
    this.#commands.detach();
    // What is to be shown until a turn has taken it is known here alone.
    if (this.#outboxes.pending().length === 0) this.#host.unused();
  }

  #stopTimers(): void {
    clearTimeout(this.#linger);
    clearInterval(this.#adoption);
  }

  #build(before: SessionView | undefined): SessionView {
    const { unacked, unapplied } = this.#outboxes;
    return buildView(
      {
        connection: this.#host.connection(),
        delivery: this.#delivery.state,
        degraded: this.#host.degraded(),
        snapshot: this.#delivery.snapshot,
        pending: this.#outboxes.pending(),
        lag: { unacked, unapplied },
      },
      before,
    );
  }
}
