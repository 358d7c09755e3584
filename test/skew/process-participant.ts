import { emptySnapshot, type Snapshot } from "@holdfast/contract";
import { Child } from "../kit/child-process.ts";
import type { SentEvent } from "../kit/history.ts";
import { Participant, type ParticipantOptions } from "../kit/participant.ts";
import type { ClientNews, ClientOrder, ClientStart } from "./client-process.ts";

const PROCESS = new URL("client-process.ts", import.meta.url);

/** A client of the release in a source tree, driven from here. */
export class ProcessParticipant extends Participant {
  #process: Child | undefined;
  /** Of `sent`: how many the client has given a number. */
  #numbered = 0;
  #view: Snapshot = emptySnapshot("");

  static async start(options: ParticipantOptions, tree: string): Promise<ProcessParticipant> {
    const participant = new ProcessParticipant(options);
    const { edges, token, key } = options;
    const start: ClientStart = { tree, edges, token: await token(), session: key.name };
    const onMessage = (news: unknown): void => {
      if (isNews(news)) participant.#hear(news);
    };
    participant.#process = await Child.start(PROCESS, start, { onMessage });
    return participant;
  }

  view(): Snapshot {
    return this.#view;
  }

  say(text: string): SentEvent {
    return this.#order({ do: "say", text }, "input", text);
  }

  observe(name: string): SentEvent {
    return this.#order({ do: "observe", name }, "observe", name);
  }

  async close(): Promise<void> {
    await this.#process?.leave();
  }

  /** It counts as sent from now on; its number comes with the client's answer. */
  #order(order: ClientOrder, kind: SentEvent["kind"], text: string): SentEvent {
    const event = this.note("", 0, kind, text);
    this.#process?.send(order);
    return event;
  }

  #hear(news: ClientNews): void {
    if (news.news === "frame") this.given(news.frame);
    else if (news.news === "view") this.#view = news.view;
    else if (news.news === "sent") {
      const { producer, seq } = news;
      Object.assign(this.sent[this.#numbered++] ?? {}, { producer, seq });
    } else {
      const event = this.sent.find(({ seq }) => seq === news.seq);
      if (event !== undefined) this.becameDurable(event);
    }
  }
}

/** A process of ours tells nothing else. */
function isNews(message: unknown): message is ClientNews {
  return typeof message === "object" && message !== null && "news" in message;
}
