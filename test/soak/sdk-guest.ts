import { connect, type HoldfastClient, type Session } from "@holdfast/client";
import type { Frame, JsonObject, RunningTurn, Snapshot } from "@holdfast/contract";
import type { ReaderRecord } from "../chaos/history.ts";
import { type Guest, type Invitation, PATIENCE_MS } from "./guest.ts";

/** Comes and goes as an application does, by `@holdfast/client`. */
export class SdkGuest implements Guest {
  readonly #invitation: Invitation;
  readonly #frames: { at: number; frame: Frame }[] = [];
  readonly #producers = new Set<string>();
  #client: HoldfastClient;
  #session: Session;
  #said: { producer: string; seq: number } | undefined;

  constructor(invitation: Invitation) {
    this.#invitation = invitation;
    [this.#client, this.#session] = this.#connect();
  }

  async arrive(): Promise<void> {
    await this.#until(() => this.#session.get().delivery.state === "live", "is not live");
  }

  say(text: string): void {
    const { ledger, path } = this.#invitation;
    const { producer, seq, durable, applied } = this.#session.send(text);
    this.#producers.add(producer);
    this.#said = { producer, seq };
    ledger.said(path, producer, seq, text);
    durable.then(
      () => ledger.durable(path, producer, seq),
      () => undefined,
    );
    applied.catch(() => undefined);
  }

  async answered(): Promise<void> {
    const said = this.#said;
    if (said === undefined) return;
    await this.#until(() => {
      const { pending, streaming } = this.#session.get();
      return pending.length === 0 && !streaming?.inputs.some((input) => isSame(input, said));
    }, `waits for ${said.producer}#${said.seq}`);
  }

  observe(name: string): void {
    const { ledger, path } = this.#invitation;
    const { durable, applied } = this.#session.observe(name);
    ledger.observed(path);
    durable.then(
      () => ledger.observedDurably(path),
      () => undefined,
    );
    applied.catch(() => undefined);
  }

  async interrupt(): Promise<void> {
    const said = this.#said;
    if (said === undefined) return;
    const mine = (): RunningTurn | undefined => {
      const { streaming } = this.#session.get();
      return streaming?.inputs.some((input) => isSame(input, said)) ? streaming : undefined;
    };
    await this.#until(() => this.#session.get().pending.length === 0 && mine()?.text !== "", "waits for its turn");
    const turn = mine()?.turn;
    if (turn !== undefined) await this.#session.interrupt({ turn });
  }

  async comeBack(withCursor: boolean): Promise<void> {
    if (withCursor) {
      const isBack = (): boolean => this.#client.connection.state === "connected";
      await this.#until(() => isBack() && this.#session.get().delivery.state === "live", "does not come back");
      return;
    }
    // Another page of the same person: a new outbox under a new name. What the old one said may or may not have arrived.
    await this.leave(false);
    this.#said = undefined;
    this.#frames.length = 0;
    [this.#client, this.#session] = this.#connect();
    await this.arrive();
  }

  async leave(politely: boolean): Promise<void> {
    if (politely) await this.#session.close();
    await this.#client.close();
    const { ledger, path } = this.#invitation;
    for (const producer of this.#producers) ledger.closed(path, producer);
  }

  record(): ReaderRecord {
    const { version, agent = "", turns, streaming } = this.#session.get();
    const state: JsonObject = JSON.parse(JSON.stringify(this.#session.get().state));
    const final: Snapshot = { version, agent, state, turns: [...turns], running: streaming, applied: {} };
    return { name: this.#invitation.name, session: this.#invitation.path, frames: this.#frames, final };
  }

  #connect(): [HoldfastClient, Session] {
    const { exchange, lines, edges, token, ref, elsewhere, clock, onConnection } = this.#invitation;
    return exchange.within(lines, () => {
      const client = connect({ url: edges, token, client: "soak/1" });
      client.on("connection", ({ state }) => {
        if (state === "connected") onConnection();
      });
      const session = client.session(ref, { agent: "concierge" });
      session.on("frame", (frame) => this.#frames.push({ at: clock(), frame }));
      for (const other of elsewhere) client.session(other);
      return [client, session];
    });
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        stopListening();
        stopWatching();
        settle();
      };
      const check = (): void => {
        if (isSo()) end(resolve);
      };
      const late = new Error(`${this.#invitation.name} ${what}`);
      const timer = setTimeout(() => end(() => reject(late)), PATIENCE_MS);
      const stopListening = this.#session.subscribe(check);
      const stopWatching = this.#client.on("connection", check);
      check();
    });
  }
}

function isSame(a: { producer: string; seq: number }, b: { producer: string; seq: number }): boolean {
  return a.producer === b.producer && a.seq === b.seq;
}
