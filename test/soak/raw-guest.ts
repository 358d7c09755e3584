import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Frame, Snapshot } from "@holdfast/contract";
import type { Socket } from "socket.io-client";
import type { ReaderRecord } from "../chaos/history.ts";
import { ask, rawConnect, RawReader } from "../conformance/raw-client.ts";
import { type Guest, type Invitation, PATIENCE_MS } from "./guest.ts";

type Unsent = { seq: number } & ({ kind: "input"; text: string } | { kind: "observe"; name: string });

/** Comes and goes by SPEC.md alone: its own reconnecting, its own outbox. */
export class RawGuest implements Guest {
  readonly #invitation: Invitation;
  readonly #producer = randomUUID();
  readonly #reader: RawReader;
  readonly #frames: { at: number; frame: Frame }[] = [];
  #socket: Socket | undefined;
  #subject = "";
  #edge = 0;
  #seq = 0;
  #lastInput = 0;
  /** Without an answer yet, oldest first. */
  #outbox: Unsent[] = [];
  #delivering: Promise<void> | undefined;
  #hasLeft = false;

  constructor(invitation: Invitation) {
    this.#invitation = invitation;
    this.#reader = new RawReader(invitation.ref);
    // Whether it is a frame at all is for those to judge who look at the record.
    this.#reader.onFrame = (frame) => this.#frames.push({ at: invitation.clock(), frame: frame as Frame });
  }

  /** connect-6: another edge and a random wait after each failure. */
  async arrive(): Promise<void> {
    const { edges, exchange, lines, token, name, elsewhere, onConnection } = this.#invitation;
    for (let failures = 0, since = performance.now(); ; failures++) {
      const edge = edges[this.#edge++ % edges.length] ?? "";
      try {
        const { socket, welcome } = await exchange.within(lines, async () => rawConnect(edge, await token()));
        this.#socket = socket;
        this.#subject = String(welcome["subject"]);
        onConnection();
        const answer = await this.#reader.open(socket, { agent: "concierge" });
        if (!answer.ok) throw new Error(answer.error?.message);
        for (const session of elsewhere) void ask(socket, "open", { session }).catch(() => undefined);
        return;
      } catch (cause) {
        this.#socket?.close();
        if (performance.now() - since > PATIENCE_MS) throw new Error(`${name} does not get in`, { cause });
        await sleep(Math.random() * Math.min(200 * 2 ** failures, 5_000));
      }
    }
  }

  say(text: string): void {
    const { ledger, path } = this.#invitation;
    const seq = ++this.#seq;
    ledger.said(path, this.#producer, seq, text);
    this.#lastInput = seq;
    this.#outbox.push({ seq, kind: "input", text });
    this.#startDelivering();
  }

  observe(name: string): void {
    const { ledger, path } = this.#invitation;
    ledger.observed(path);
    this.#outbox.push({ seq: ++this.#seq, kind: "observe", name });
    this.#startDelivering();
  }

  async answered(): Promise<void> {
    await this.#delivering;
    await this.#reader.until(({ view }) => this.#isApplied() && !view.running?.inputs.some(this.#isMine), PATIENCE_MS);
  }

  async interrupt(): Promise<void> {
    const socket = this.#socket;
    await this.#delivering;
    const mine = () => (this.#reader.view.running?.inputs.some(this.#isMine) ? this.#reader.view.running : undefined);
    await this.#reader.until(() => this.#isApplied() && mine()?.text !== "", PATIENCE_MS);
    const turn = mine()?.turn;
    if (socket === undefined || turn === undefined) return;
    const { ref } = this.#invitation;
    await ask(socket, "command", { session: ref, id: randomUUID(), name: "interrupt", args: { turn } });
  }

  async comeBack(withCursor: boolean): Promise<void> {
    this.#socket?.close();
    await this.#delivering;
    if (!withCursor) this.#reader.last = undefined;
    await this.arrive();
    this.#startDelivering();
  }

  async leave(politely: boolean): Promise<void> {
    this.#hasLeft = true;
    const socket = this.#socket;
    if (politely) {
      if (socket !== undefined) await ask(socket, "close", { session: this.#invitation.ref });
      socket?.close();
    }
    this.#invitation.ledger.closed(this.#invitation.path, this.#producer);
  }

  record(): ReaderRecord {
    const { version, agent, state, turns, running } = JSON.parse(JSON.stringify(this.#reader.view));
    const final: Snapshot = { version, agent, state, turns, running, applied: {} };
    return { name: this.#invitation.name, session: this.#invitation.path, frames: this.#frames, final };
  }

  readonly #isMine = ({ producer }: { producer: string }): boolean => producer === this.#producer;

  #isApplied(): boolean {
    return (this.#reader.view.applied[`${this.#subject}/${this.#producer}`] ?? 0) >= this.#lastInput;
  }

  #startDelivering(): void {
    this.#delivering ??= this.#deliver().finally(() => {
      this.#delivering = undefined;
    });
  }

  /** ack-3: what was not answered is sent again, oldest first, until it is or the connection ends. */
  async #deliver(): Promise<void> {
    const { ledger, path, ref } = this.#invitation;
    const socket = this.#socket;
    while (socket?.connected && this.#outbox.length > 0 && !this.#hasLeft) {
      const ack = await ask(socket, "send", { session: ref, producer: this.#producer, events: this.#outbox }).catch(
        () => undefined,
      );
      const durable = ack?.durable ?? 0;
      for (const { seq, kind } of this.#outbox) {
        if (seq > durable) break;
        if (kind === "input") ledger.durable(path, this.#producer, seq);
        else ledger.observedDurably(path);
      }
      this.#outbox = this.#outbox.filter(({ seq }) => seq > durable);
      if (ack?.ok === false) await sleep(ack.error?.retryAfterMs ?? 100);
    }
  }
}
