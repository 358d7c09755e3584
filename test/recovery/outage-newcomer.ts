import type { Socket } from "socket.io-client";
import { type Ack, ask, type Obj, rawConnect } from "../kit/raw-client.ts";
import type { Rules } from "../kit/wait.ts";
import type { ServerName } from "./outage-servers.ts";

/** What a client that knows only SPEC.md met when it came in the middle of an outage. Milliseconds. */
export interface Welcome {
  connectMs: number;
  openMs: number;
  /** Of an `interrupt`. */
  commandMs: number;
}

/** A client that knows only SPEC.md, with a session nobody has used before. */
export class Newcomer {
  readonly #socket: Socket;
  readonly #connectMs: number;
  readonly #status: { degraded: boolean };

  private constructor(socket: Socket, connectMs: number, status: { degraded: boolean }) {
    this.#socket = socket;
    this.#connectMs = connectMs;
    this.#status = status;
  }

  /** Rejects when the edge does not let it in, or answers nothing. */
  static async arrive(edge: string, token: string): Promise<Newcomer> {
    const began = performance.now();
    const status = { degraded: false };
    const listen = (connecting: Socket): unknown =>
      connecting.on("status", ({ degraded }: { degraded: boolean }) => (status.degraded = degraded));
    const { socket } = await rawConnect(edge, token, listen);
    return new Newcomer(socket, performance.now() - began, status);
  }

  /** What `status` said last (SPEC open-6). */
  get isTold(): boolean {
    return this.#status.degraded;
  }

  /** Tries everything there is to ask of an edge; `away`: what is not there. */
  async lookAround(away: ReadonlySet<ServerName>, rules: Rules): Promise<Welcome> {
    const expect = (rule: string, holds: boolean, seen: unknown): void =>
      rules.holds(`${rule}: ${JSON.stringify(seen)}`, holds);
    const opened = await this.#timed("open", { session: "s", agent: "echo" });
    expect("open-2: `open` is answered while a server is away", opened.ack.ok, opened.ack);
    if (!away.has("temporal")) {
      const events = [{ seq: 1, kind: "observe", name: "arrives" }];
      const ack = await ask(this.#socket, "send", { session: "s", producer: "p", events });
      expect("ack-1: what is sent is made durable without Redis", ack.durable === 1, ack);
    }
    const commanded = await this.#timed("command", { session: "s", id: "c", name: "interrupt" });
    // A session without a workflow has nothing to interrupt; one whose workflow cannot be reached may have.
    const code = commanded.ack.error?.code;
    const wanted = away.has("temporal") ? code === "unavailable" : commanded.ack.ok;
    expect("command-3: a command is answered, or `unavailable`", wanted, commanded.ack);
    return { connectMs: this.#connectMs, openMs: opened.ms, commandMs: commanded.ms };
  }

  leave(): void {
    this.#socket.close();
  }

  async #timed(event: string, request: Obj): Promise<{ ack: Ack; ms: number }> {
    const began = performance.now();
    const ack = await ask(this.#socket, event, request);
    return { ack, ms: performance.now() - began };
  }
}
