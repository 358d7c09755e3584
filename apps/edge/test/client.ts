import {
  emptySnapshot,
  reduceFrame,
  type Announcement,
  type Closing,
  type CommandAck,
  type Frame,
  type OpenAck,
  type PlainAck,
  type SendAck,
  type Snapshot,
  type Welcome,
  type WireError,
} from "@holdfast/contract";
import { io, type Socket } from "socket.io-client";
import { token, type TokenOptions } from "./fixture.ts";

/** What one reader of a session holds, by the rules of SPEC §8–§10, and every frame it was given. */
export class Held {
  view: Snapshot = emptySnapshot("");
  last: string | undefined;
  readonly frames: Frame[] = [];
  /** Breaks of the chain and gaps: what an edge should not let a client see. */
  breaks = 0;

  take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.type !== "snapshot" && frame.prev !== this.last) this.breaks++;
    const reduction = reduceFrame(this.view, frame);
    if (reduction.outcome === "applied") this.view = reduction.snapshot;
    if (reduction.outcome === "gap") this.breaks++;
    this.last = frame.id;
  }
}

/** A plain Socket.IO client of one edge. */
export class TestClient {
  readonly socket: Socket;
  readonly held = new Map<string, Held>();
  readonly statuses: boolean[] = [];
  readonly announcements: Announcement[] = [];
  welcome: Welcome | undefined;
  closing: WireError | undefined;
  refusal: WireError | undefined;
  expiringInMs: number | undefined;
  isGone = false;
  readonly #checks = new Set<() => void>();

  constructor(url: string, auth: Record<string, unknown>, headers: Record<string, string> = {}) {
    this.socket = io(url, {
      transports: ["websocket"],
      auth,
      extraHeaders: headers,
      reconnection: false,
      forceNew: true,
    });
    this.socket.on("welcome", (welcome: Welcome) => (this.welcome = welcome));
    this.socket.on("frames", (ref: string, frames: Frame[]) => {
      for (const frame of frames) this.of(ref).take(frame);
    });
    this.socket.on("status", ({ degraded }: { degraded: boolean }) => this.statuses.push(degraded));
    this.socket.on("announcement", (announcement: Announcement) => this.announcements.push(announcement));
    this.socket.on("expiring", ({ inMs }: { inMs: number }) => (this.expiringInMs = inMs));
    this.socket.on("closing", ({ error }: Closing) => (this.closing = error));
    this.socket.on("connect_error", (error: Error & { data?: WireError }) => {
      this.refusal = error.data;
      this.isGone = true;
    });
    this.socket.on("disconnect", () => (this.isGone = true));
    for (const event of ["connect_error", "disconnect"]) this.socket.on(event, () => this.#check());
    this.socket.onAny(() => this.#check());
  }

  static async connect(url: string, subject: string, options: TokenOptions = {}): Promise<TestClient> {
    const client = new TestClient(url, { token: await token(subject, options), protocol: 1 });
    await client.until(() => client.welcome !== undefined || client.isGone);
    return client;
  }

  of(ref: string): Held {
    const held = this.held.get(ref) ?? new Held();
    this.held.set(ref, held);
    return held;
  }

  /** Resolves when `isSo` holds; it is asked after each message. The test's timeout bounds it. */
  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (!isSo()) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
    });
  }

  /** From the place this client holds, if it holds one. */
  open(session: string, more: Record<string, unknown> = {}): Promise<OpenAck> {
    const { last, view } = this.of(session);
    const place = last === undefined ? {} : { cursor: last, version: view.version };
    return this.ask("open", { session, agent: "echo", ...place, ...more });
  }

  send(session: string, events: unknown[], more: Record<string, unknown> = {}): Promise<SendAck> {
    return this.ask("send", { session, producer: "p", events, ...more });
  }

  command(session: string, id: string, name: string, args?: unknown): Promise<CommandAck> {
    return this.ask("command", { session, id, name, ...(args === undefined ? {} : { args }) });
  }

  closeSession(session: string): Promise<PlainAck> {
    return this.ask("close", { session });
  }

  ask<T>(event: string, request: unknown): Promise<T> {
    return new Promise((resolve) => this.socket.emit(event, request, resolve));
  }

  leave(): void {
    this.socket.close();
  }

  /** After the listeners that note what came. */
  #check(): void {
    setImmediate(() => {
      for (const check of this.#checks) check();
    });
  }
}

export function input(seq: number, text = `input ${seq}`): Record<string, unknown> {
  return { seq, kind: "input", text };
}

export function observe(seq: number): Record<string, unknown> {
  return { seq, kind: "observe", name: "click" };
}
