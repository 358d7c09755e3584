import { type Frame, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { Socket } from "socket.io-client";
import { ask, rawConnect, RawReader } from "../conformance/raw-client.ts";
import type { ReaderRecord, SentEvent } from "./history.ts";
import type { ParticipantPlan, Talker } from "./participant.ts";

/** A client that follows SPEC.md and nothing else: its own reconnecting, its own outbox, its own reader. */
export class RawParticipant implements Talker {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentEvent[] = [];
  readonly #plan: ParticipantPlan;
  readonly #reader: RawReader;
  readonly #frames: { at: number; frame: Frame }[] = [];
  #socket: Socket | undefined;
  #edge = 0;
  #commands = 0;
  #closed = false;
  #wake: () => void = () => undefined;
  readonly #loop: Promise<void>;

  constructor(plan: ParticipantPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.key = plan.key;
    this.#reader = new RawReader(plan.key.name);
    // Whether it is a frame at all is for those to judge who look at the record.
    this.#reader.onFrame = (frame) => this.#frames.push({ at: plan.clock(), frame: frame as Frame });
    this.#loop = this.#live();
  }

  record(): ReaderRecord {
    const { version, agent, state, turns, running } = JSON.parse(JSON.stringify(this.#reader.view));
    const final: Snapshot = { version, agent, state, turns, running, applied: {} };
    return { name: this.name, session: sessionPath(this.key), frames: this.#frames, final };
  }

  say(text: string): void {
    this.#note("input", text);
  }

  observe(name: string): void {
    this.#note("observe", name);
  }

  /** command-3: not durable before it is answered. What is lost here was only a wish. */
  interrupt(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const id = `${this.name}-${++this.#commands}`;
    ask(socket, "command", { session: this.key.name, id, name: "interrupt" }).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket?.close();
    this.#wake();
    await this.#loop;
  }

  /** connect-6: another edge and a random wait after each end. */
  async #live(): Promise<void> {
    for (let failures = 0; !this.#closed; failures++) {
      const edge = this.#plan.edges[this.#edge++ % this.#plan.edges.length] ?? "";
      try {
        const { socket } = await rawConnect(edge, await this.#plan.token());
        this.#socket = socket;
        socket.once("disconnect", () => this.#wake());
        await this.#reader.open(socket, { agent: "concierge" });
        failures = 0;
        while (socket.connected && !this.#closed) await this.#deliver(socket);
      } catch {
        // Whatever it was (refused, cut, no answer), it is tried again.
      }
      this.#socket?.close();
      const random = this.#plan.random ?? Math.random;
      if (!this.#closed) await this.#pause(random() * Math.min(200 * 2 ** failures, 5_000));
    }
  }

  /** ack-3: what was not answered is sent again, oldest first; waits when there is nothing to send. */
  async #deliver(socket: Socket): Promise<void> {
    const waiting = this.sent.filter((event) => !event.durable).slice(0, 16);
    if (waiting.length === 0) return this.#pause(10_000);
    const events = waiting.map(({ seq, kind, text }) =>
      kind === "input" ? { seq, kind, text } : { seq, kind, name: text },
    );
    const ack = await ask(socket, "send", { session: this.key.name, producer: this.name, events });
    const durable = ack.durable ?? 0;
    for (const event of waiting) if (event.seq <= durable) event.durable = true;
    if (!ack.ok) await this.#pause(ack.error?.retryAfterMs ?? 100);
  }

  #note(kind: SentEvent["kind"], text: string): void {
    const [session, seq, at] = [sessionPath(this.key), this.sent.length + 1, this.#plan.clock()];
    this.sent.push({ session, producer: this.name, seq, kind, text, at, durable: false });
    this.#wake();
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
