import type { Socket as EngineSocket } from "engine.io";
import { framesPacket } from "./encoded-frame.ts";
import { sever } from "./socket-end.ts";

export interface OutletLimits {
  /** Waiting bytes from which frames are held back; they go on below half of it. */
  readonly slow: number;
  /** Waiting bytes at which the connection is ended: it asks and asks, and never reads the answers. */
  readonly most: number;
}

const RELIEF_INTERVAL_MS = 50;

/**
 * One connection's way out, and how much waits in it. Engine.IO queues without bound in `writeBuffer` while the kernel
 * takes no more, and `ws.bufferedAmount` does not show it; so this counts what is created (`packetCreate`), what of it
 * was handed to the transport (`flush`), and takes that as written when the transport says so (`drain`).
 * Unit: UTF-16 code units, which is what it costs this process.
 */
export class Outlet {
  readonly #conn: EngineSocket;
  readonly #limits: OutletLimits;
  #created = 0;
  #handed = 0;
  #written = 0;
  /** Let through one at a time: each may fill the socket again. */
  readonly #waiters: (() => void)[] = [];
  #relief: NodeJS.Timeout | undefined;

  constructor(conn: EngineSocket, limits: OutletLimits) {
    this.#conn = conn;
    this.#limits = limits;
    conn.on("packetCreate", (packet: { data?: unknown }) => this.#onCreate(packet.data));
    conn.on("flush", () => {
      this.#handed = this.#created;
    });
    conn.transport.on("drain", () => this.#onWritten());
    conn.once("close", (reason: string) => {
      this.#release();
      if (reason === "ping timeout") sever(conn);
    });
  }

  get waiting(): number {
    return this.#created - this.#written;
  }

  get isSlow(): boolean {
    return this.waiting > this.#limits.slow;
  }

  /** `frames`: each one's JSON. */
  send(ref: string, frames: readonly string[]): void {
    this.#conn.write(framesPacket(ref, frames));
  }

  /** Resolves when there is room again, or the connection has ended. */
  async relieved(): Promise<void> {
    if (!this.isSlow || this.#conn.readyState !== "open") return;
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #onCreate(data: unknown): void {
    // Of what was there before it: one large frame must not end its connection again and again.
    if (this.waiting > this.#limits.most) sever(this.#conn);
    this.#created += typeof data === "string" ? data.length : 1;
  }

  #onWritten(): void {
    this.#written = this.#handed;
    this.#relieve();
  }

  #relieve(): void {
    if (this.waiting > this.#limits.slow / 2) return;
    this.#waiters.shift()?.();
    // In case the one let through has nothing to send, and so no `drain` follows.
    if (this.#waiters.length > 0 && this.#relief === undefined) {
      this.#relief = setTimeout(() => {
        this.#relief = undefined;
        this.#relieve();
      }, RELIEF_INTERVAL_MS);
    }
  }

  #release(): void {
    clearTimeout(this.#relief);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
