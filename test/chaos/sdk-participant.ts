import { connect, type HoldfastClient, type Receipt, type Session } from "@holdfast/client";
import { type Frame, type JsonObject, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { ReaderRecord, SentEvent } from "./history.ts";
import type { ParticipantPlan, Talker } from "./participant.ts";

/** A client that uses `@holdfast/client`, as an application does. */
export class SdkParticipant implements Talker {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentEvent[] = [];
  readonly #frames: { at: number; frame: Frame }[] = [];
  readonly #client: HoldfastClient;
  readonly #session: Session;
  readonly #clock: () => number;

  constructor(plan: ParticipantPlan) {
    this.name = plan.name;
    this.key = plan.key;
    this.#clock = plan.clock;
    const random = firstEdgeFirst(plan.random ?? Math.random);
    this.#client = connect({ url: plan.edges, token: plan.token, client: "chaos/1", random });
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
    this.#note(this.#session.send(text), "input", text);
  }

  observe(name: string): void {
    this.#note(this.#session.observe(name), "observe", name);
  }

  interrupt(): void {
    this.#session.interrupt().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #note({ producer, seq, durable }: Receipt, kind: SentEvent["kind"], text: string): void {
    const session = sessionPath(this.key);
    const event: SentEvent = { session, producer, seq, kind, text, at: this.#clock(), durable: false };
    this.sent.push(event);
    durable.then(
      () => (event.durable = true),
      () => undefined,
    );
  }
}

/** The client's first draw chooses its first edge. */
function firstEdgeFirst(random: () => number): () => number {
  let isFirst = true;
  return () => {
    if (!isFirst) return random();
    isFirst = false;
    return 0;
  };
}
