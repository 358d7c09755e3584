import { connect, type HoldfastClient, type Receipt, type Session } from "@holdfast/client";
import { type Frame, type JsonObject, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { ReaderRecord, SentEvent } from "../chaos/history.ts";
import type { Participant, ParticipantPlan } from "../chaos/participant.ts";

/** A durable answer: when its input was sent, in milliseconds since the run began, and how long it took. */
export interface AckTime {
  sentAt: number;
  ms: number;
}

/** An application's client that notes what a person would see of an outage: what is pending, and `degraded`. */
export class OutageClient implements Participant {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentEvent[] = [];
  readonly acks: AckTime[] = [];
  readonly #plan: ParticipantPlan;
  readonly #client: HoldfastClient;
  readonly #session: Session;
  readonly #frames: { at: number; frame: Frame }[] = [];

  constructor(plan: ParticipantPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.key = plan.key;
    this.#client = connect({ url: plan.edges, token: plan.token, client: "outage/1" });
    this.#session = this.#client.session(plan.key.name, { agent: "concierge" });
    this.#session.on("frame", (frame) => this.#frames.push({ at: plan.clock(), frame }));
  }

  /** The view says that frames pause. */
  get isTold(): boolean {
    return this.#session.get().degraded;
  }

  get version(): number {
    return this.#session.get().version;
  }

  /** Inputs the view shows as not durable. */
  get sending(): number {
    return this.#session.get().pending.filter(({ status }) => status === "sending").length;
  }

  record(): ReaderRecord {
    const { version, agent = "", turns, streaming } = this.#session.get();
    const state: JsonObject = JSON.parse(JSON.stringify(this.#session.get().state));
    const final: Snapshot = { version, agent, state, turns: [...turns], running: streaming, applied: {} };
    return { name: this.name, session: sessionPath(this.key), frames: this.#frames, final };
  }

  say(text: string): Receipt {
    return this.#note(this.#session.send(text), "input", text);
  }

  observe(name: string): void {
    this.#note(this.#session.observe(name), "observe", name);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #note(receipt: Receipt, kind: SentEvent["kind"], text: string): Receipt {
    const { producer, seq, durable } = receipt;
    const sentAt = this.#plan.clock();
    const event: SentEvent = {
      session: sessionPath(this.key),
      producer,
      seq,
      kind,
      text,
      at: sentAt,
      durable: false,
    };
    this.sent.push(event);
    durable.then(
      () => {
        event.durable = true;
        this.acks.push({ sentAt, ms: this.#plan.clock() - sentAt });
      },
      () => undefined,
    );
    return receipt;
  }
}
