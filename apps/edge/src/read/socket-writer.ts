import type { Socket as EngineSocket } from "engine.io";
import { sever } from "../connect/edge-socket.ts";
import type { Packet } from "./packet.ts";

/** In UTF-16 code units. */
export interface SocketWriterLimits {
  /** When more than this waits, frames are held back; they go on below half of it. */
  readonly slow: number;
  /** When more than this waits, the connection is reset: its client goes on asking and never reads the answers. */
  readonly most: number;
}

const RELIEF_INTERVAL_MS = 50;

/**
 * Writes to one connection, and knows how much waits for its client. While the kernel takes no more, Engine.IO queues without bound in
 * `writeBuffer`, which `ws.bufferedAmount` does not show. So this class counts itself: packets are created (`packetCreate`), handed to
 * the transport (`flush`), and written (`drain`). It counts UTF-16 code units, which is what they cost this process.
 */
export class SocketWriter {
  readonly #conn: EngineSocket;
  readonly #limits: SocketWriterLimits;
  #created = 0;
  #handed = 0;
  #written = 0;
  /** Readers that wait for room, the longest waiting first. One at a time goes on: each may fill the socket again. */
  readonly #waiters = new Map<object, () => void>();
  #relief: NodeJS.Timeout | undefined;

  constructor(conn: EngineSocket, limits: SocketWriterLimits) {
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

  write({ text, options }: Packet): void {
    this.#conn.write(text, options);
  }

  /** Resolves when there is room again, the connection has ended, or `letGo` is called. A waiter waits once at a time. */
  async relieved(waiter: object): Promise<void> {
    if (!this.isSlow || this.#conn.readyState !== "open") return;
    await new Promise<void>((resolve) => this.#waiters.set(waiter, resolve));
  }

  /** Forgets a waiter that was closed: a client may open and close a session again and again, and read nothing. */
  letGo(waiter: object): void {
    this.#waiters.get(waiter)?.();
    this.#waiters.delete(waiter);
  }

  #onCreate(data: unknown): void {
    // The new packet does not count: else one large frame would end its connection again and again.
    if (this.waiting > this.#limits.most) sever(this.#conn);
    this.#created += typeof data === "string" ? data.length : 1;
  }

  #onWritten(): void {
    this.#written = this.#handed;
    this.#relieve();
  }

  #relieve(): void {
    if (this.waiting > this.#limits.slow / 2) return;
    for (const waiter of this.#waiters.keys()) {
      this.letGo(waiter);
      break;
    }
    // The reader that goes on may have nothing to send. Then no `drain` follows.
    if (this.#waiters.size > 0 && this.#relief === undefined) {
      this.#relief = setTimeout(() => {
        this.#relief = undefined;
        this.#relieve();
      }, RELIEF_INTERVAL_MS);
    }
  }

  #release(): void {
    clearTimeout(this.#relief);
    for (const waiter of this.#waiters.keys()) this.letGo(waiter);
  }
}
