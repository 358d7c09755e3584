import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { HoldfastClient, Receipt, Session } from "@holdfast/client";
import type { Snapshot } from "@holdfast/contract";
import type { SentEvent } from "../kit/history.ts";
import { Participant, type ParticipantOptions, snapshotOf } from "../kit/participant.ts";

type ClientPackage = typeof import("@holdfast/client");

/** A client of the release in some source tree: that tree's `@holdfast/client`, with that tree's dependencies. */
export class ReleaseParticipant extends Participant {
  readonly #client: HoldfastClient;
  readonly #session: Session;

  private constructor(options: ParticipantOptions, { connect }: ClientPackage) {
    super(options);
    this.#client = connect({ url: options.edges, token: options.token, client: "skew/1" });
    this.#session = this.#client.session(options.key.name, { agent: "concierge" });
    this.#session.on("frame", (frame) => this.given(frame));
  }

  static async start(options: ParticipantOptions, tree: string): Promise<ReleaseParticipant> {
    const entry = pathToFileURL(join(tree, "packages/client/src/index.ts")).href;
    const release: ClientPackage = await import(entry);
    return new ReleaseParticipant(options, release);
  }

  view(): Snapshot {
    return snapshotOf(this.#session.get());
  }

  say(text: string): SentEvent {
    return this.#noted(this.#session.send(text), "input", text);
  }

  observe(name: string): SentEvent {
    return this.#noted(this.#session.observe(name), "observe", name);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #noted({ producer, seq, durable, applied }: Receipt, kind: SentEvent["kind"], text: string): SentEvent {
    const event = this.note(producer, seq, kind, text);
    durable.then(
      () => this.becameDurable(event),
      () => undefined,
    );
    applied.catch(() => undefined);
    return event;
  }
}
