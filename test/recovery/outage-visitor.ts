import type { Socket } from "socket.io-client";
import { ask, type Ack, rawSocket } from "../conformance/raw-client.ts";
import type { ServerName } from "./outage-servers.ts";

/** Whoever has to wait longer than this for any answer hangs. */
const HANG_MS = 20_000;

/** What a client that knows only SPEC.md met when it came in the middle of an outage. Milliseconds. */
export interface Welcome {
  connectMs: number;
  openMs: number;
  /** Of an `interrupt`. */
  commandMs: number;
  /** Rules that did not hold, in words. */
  broken: string[];
}

/** A client that knows only SPEC.md, with a session nobody has used before. */
export class RawVisitor {
  readonly welcome: Welcome;
  /** What `status` said last (SPEC open-6). */
  isTold = false;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.welcome = { connectMs: 0, openMs: 0, commandMs: 0, broken: [] };
    // `status` may come in the same packet of the network as `welcome`.
    socket.on("status", ({ degraded }: { degraded: boolean }) => (this.isTold = degraded));
  }

  /** Rejects when the edge does not let it in, or answers nothing. */
  static async arrive(edge: string, token: string): Promise<RawVisitor> {
    const began = performance.now();
    const socket = rawSocket(edge, { token, protocol: 1 });
    const visitor = new RawVisitor(socket);
    const welcomed = new Promise<void>((resolve, reject) => {
      socket.once("welcome", () => resolve());
      socket.once("connect_error", reject);
      setTimeout(() => reject(new Error(`${edge} does not answer CONNECT.`)), HANG_MS).unref();
    });
    await welcomed;
    visitor.welcome.connectMs = performance.now() - began;
    return visitor;
  }

  /** Tries everything there is to ask of an edge; `away`: what is not there. */
  async lookAround(away: ReadonlySet<ServerName>): Promise<void> {
    const { welcome } = this;
    const expect = (rule: string, holds: boolean, seen: unknown): void => {
      if (!holds) welcome.broken.push(`${rule}: ${JSON.stringify(seen)}`);
    };
    const opened = await this.#timed("open", { session: "s", agent: "echo" });
    welcome.openMs = opened.ms;
    expect("open-2: `open` is answered while a server is away", opened.ack.ok, opened.ack);
    if (!away.has("temporal")) {
      const events = [{ seq: 1, kind: "observe", name: "arrives" }];
      const ack = await ask(this.#socket, "send", { session: "s", producer: "p", events });
      expect("ack-1: what is sent is made durable without Redis", ack.durable === 1, ack);
    }
    const commanded = await this.#timed("command", { session: "s", id: "c", name: "interrupt" });
    welcome.commandMs = commanded.ms;
    // A session without a workflow has nothing to interrupt; one whose workflow cannot be reached may have.
    const code = commanded.ack.error?.code;
    const wanted = away.has("temporal") ? code === "unavailable" : commanded.ack.ok;
    expect("command-3: a command is answered, or `unavailable`", wanted, commanded.ack);
  }

  leave(): void {
    this.#socket.close();
  }

  async #timed(event: string, request: Record<string, unknown>): Promise<{ ack: Ack; ms: number }> {
    const began = performance.now();
    const ack = await ask(this.#socket, event, request);
    return { ack, ms: performance.now() - began };
  }
}
