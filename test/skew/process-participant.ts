import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { emptySnapshot, type SessionKey, sessionPath, type Snapshot } from "@holdfast/contract";
import type { ReaderRecord, SentEvent } from "../chaos/history.ts";
import type { Participant, ParticipantPlan } from "../chaos/participant.ts";
import type { ClientNews, ClientOrder, ClientStart } from "./client-messages.ts";

/** A client of the release in `tree`, driven from here. */
export class ProcessParticipant implements Participant {
  readonly name: string;
  readonly key: SessionKey;
  readonly sent: SentEvent[] = [];
  readonly #process: ChildProcess;
  readonly #frames: ReaderRecord["frames"] = [];
  readonly #clock: () => number;
  /** Of `sent`: how many the client has given a number. */
  #numbered = 0;
  #view: Snapshot = emptySnapshot("");

  private constructor(plan: ParticipantPlan, child: ChildProcess) {
    this.name = plan.name;
    this.key = plan.key;
    this.#clock = plan.clock;
    this.#process = child;
    child.on("message", (news: ClientNews) => this.#hear(news));
  }

  static async start(plan: ParticipantPlan, tree: string): Promise<ProcessParticipant> {
    const start: ClientStart = { tree, edges: plan.edges, token: await plan.token(), session: plan.key.name };
    const child = fork(join(import.meta.dirname, "client-process.ts"), [JSON.stringify(start)]);
    return new ProcessParticipant(plan, child);
  }

  record(): ReaderRecord {
    return { name: this.name, session: sessionPath(this.key), frames: this.#frames, final: this.#view };
  }

  say(text: string): void {
    this.#order({ do: "say", text }, "input", text);
  }

  observe(name: string): void {
    this.#order({ do: "observe", name }, "observe", name);
  }

  async close(): Promise<void> {
    if (!this.#process.connected) return;
    this.#process.disconnect();
    await once(this.#process, "exit");
  }

  /** It counts as sent from now on; its number comes with the client's answer. */
  #order(order: ClientOrder, kind: SentEvent["kind"], text: string): void {
    const session = sessionPath(this.key);
    this.sent.push({ session, producer: "", seq: 0, kind, text, at: this.#clock(), durable: false });
    this.#process.send(order);
  }

  #hear(news: ClientNews): void {
    switch (news.news) {
      case "sent": {
        const event = this.sent[this.#numbered++];
        if (event !== undefined) Object.assign(event, { producer: news.producer, seq: news.seq });
        return;
      }
      case "durable": {
        const event = this.sent.find(({ seq }) => seq === news.seq);
        if (event !== undefined) event.durable = true;
        return;
      }
      case "frame":
        this.#frames.push({ at: this.#clock(), frame: news.frame });
        return;
      case "view":
        this.#view = news.view;
        return;
    }
  }
}
