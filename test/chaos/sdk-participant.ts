import { connect, type HoldfastClient, type Session } from "@holdfast/client";
import { type Frame, type JsonObject, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { ReaderRecord, SentInput } from "./history.ts";
import type { Participant } from "./participant.ts";

export interface ParticipantPlan {
  name: string;
  key: SessionKey;
  edges: readonly string[];
  token: () => Promise<string>;
  /** Milliseconds since the run began. */
  clock: () => number;
}

/** A client that uses `@holdfast/client`, as an application does. */
export class SdkParticipant implements Participant {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentInput[] = [];
  readonly #frames: { at: number; frame: Frame }[] = [];
  readonly #client: HoldfastClient;
  readonly #session: Session;

  constructor(plan: ParticipantPlan) {
    this.name = plan.name;
    this.key = plan.key;
    this.#client = connect({ url: plan.edges, token: plan.token, client: "chaos/1" });
    this.#session = this.#client.session(plan.key.name, { agent: "concierge" });
    this.#session.on("frame", (frame) => this.#frames.push({ at: plan.clock(), frame }));
  }

  record(): ReaderRecord {
    const { version, agent = "", turns, streaming } = this.#session.get();
    const state: JsonObject = JSON.parse(JSON.stringify(this.#session.get().state));
    const final: Snapshot = { version, agent, state, turns: [...turns], running: streaming, applied: {} };
    return { name: this.name, session: sessionPath(this.key), frames: this.#frames, final };
  }

  say(text: string): void {
    const { producer, seq, durable } = this.#session.send(text);
    const input: SentInput = { session: sessionPath(this.key), producer, seq, text, durable: false };
    this.sent.push(input);
    durable.then(
      () => (input.durable = true),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
