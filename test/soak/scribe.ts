import { connect, type HoldfastClient, type Session } from "@holdfast/client";
import { type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import type { Ledger } from "./ledger.ts";

/** Reads every session all the time and enters its committed turns in the ledger. */
export class Scribe {
  readonly #client: HoldfastClient;
  readonly #sessions: Map<string, Session>;

  constructor(stack: Stack, keys: readonly SessionKey[], ledger: Ledger) {
    const shared = keys.map(refOf);
    const token = (): Promise<string> => stack.token({ subject: "scribe", shared });
    this.#client = connect({ url: stack.edgeUrls, token, client: "soak-scribe/1" });
    this.#sessions = new Map(
      keys.map((key) => {
        const session = this.#client.session(refOf(key), { agent: "concierge" });
        session.on("frame", ({ type }) => {
          if (type === "delta" || type === "turn.started") return;
          ledger.committed(sessionPath(key), session.get().turns);
        });
        return [sessionPath(key), session];
      }),
    );
  }

  async connected(): Promise<void> {
    await this.#client.connected();
  }

  /** A session as this reader holds it now. */
  view(path: string): Snapshot {
    const held = this.#sessions.get(path)?.get();
    if (held === undefined) throw new Error(`${path} is not read.`);
    const { version, agent = "", turns, streaming } = held;
    const state: Snapshot["state"] = JSON.parse(JSON.stringify(held.state));
    return { version, agent, state, turns: [...turns], running: streaming, applied: {} };
  }

  async leave(): Promise<void> {
    await this.#client.close();
  }
}

/** As another subject asks for it (SPEC ids-2). */
export function refOf({ owner, name }: SessionKey): string {
  return `${owner}/${name}`;
}
