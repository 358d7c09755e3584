import type { Frame, FrameOutcome, SessionView, Turn } from "@holdfast/client";
import { z } from "zod";
import { answerTo } from "../kit/model-calls.ts";
import { type ParticipantOptions, SdkParticipant } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";

/** What a reader met. */
export const readingSchema = z.object({
  connects: z.number(),
  snapshots: z.number(),
  /** Frames that did not follow the one before them. */
  breaks: z.number(),
  /** Sentences about text that is not what the model said. */
  wrong: z.array(z.string()),
});
export type Reading = z.infer<typeof readingSchema>;

/** A reader through the public client that looks at the chain itself, and keeps no frame. */
export class ChainReader extends SdkParticipant {
  connects = 0;
  snapshots = 0;
  breaks = 0;
  #place: string | undefined;

  constructor(options: ParticipantOptions) {
    super({ ...options, agent: "echo", keepsFrames: false });
    this.client.on("connection", (state) => {
      // Told twice: again when `welcome` names the node.
      if (state.state === "connected" && state.node === undefined) this.connects++;
    });
    this.session.on("frame", (frame, outcome) => this.#read(frame, outcome));
  }

  live(): Promise<void> {
    return this.until("it reads", () => this.isOpen);
  }

  /** Resolves once it is so of the session's view. */
  sees(what: string, isSo: (view: SessionView) => boolean): Promise<void> {
    return this.until(what, () => isSo(this.session.get()));
  }

  /** Is given each frame that is part of the chain, once the view shows it. */
  protected took(_frame: Frame): void {}

  /** What the client's own reader drops was never part of the chain. */
  #read(frame: Frame, outcome: FrameOutcome): void {
    if (frame.type === "snapshot") this.snapshots++;
    else if (outcome === "dropped") return;
    else if (frame.prev !== this.#place) this.breaks++;
    this.#place = frame.id;
    this.took(frame);
  }
}

/** In words, where a turn is not what the model said to `input`. */
export function wrongIn(ended: Turn, input: string): string[] {
  const [{ turn, outcome, error }, text, said] = [ended, textOf(ended), answerTo(input)];
  if (outcome === "completed" && text === said) return [];
  const why = error === undefined ? "" : ` (${error.code}: ${error.message})`;
  return [`turn ${turn} ${outcome}${why} with ${text.length} of ${said.length} characters`];
}
