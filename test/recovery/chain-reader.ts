import type { ConnectionState, Frame, FrameOutcome, SessionView } from "@holdfast/client";
import { answerTo } from "../kit/model-calls.ts";
import { textOf } from "../kit/reading.ts";
import { type ParticipantOptions, SdkParticipant } from "../kit/participant.ts";

/** A reader through the public client that looks at the chain itself, and keeps no frame. */
export abstract class ChainReader extends SdkParticipant {
  /** Connections made, snapshots taken, and frames that did not follow the one before them. */
  connects = 0;
  snapshots = 0;
  breaks = 0;
  #place: string | undefined;

  constructor(options: ParticipantOptions) {
    super({ ...options, agent: "echo", keepsFrames: false });
    this.client.on("connection", (state) => this.connection(state));
    this.session.on("frame", (frame, outcome) => this.#read(frame, outcome));
  }

  /** Resolves once it is so of the session's view. */
  sees(what: string, isSo: (view: SessionView) => boolean): Promise<void> {
    return this.until(what, () => isSo(this.session.get()));
  }

  protected connection(state: ConnectionState): void {
    // Told twice: again when `welcome` names the node.
    if (state.state === "connected" && state.node === undefined) this.connects++;
  }

  /** A frame that is part of the chain, once the view shows it. */
  protected abstract took(frame: Frame): void;

  /** What the client's own reader drops was never part of the chain. */
  #read(frame: Frame, outcome: FrameOutcome): void {
    if (frame.type === "snapshot") this.snapshots++;
    else if (outcome === "dropped") return;
    else if (frame.prev !== this.#place) this.breaks++;
    this.#place = frame.id;
    this.took(frame);
  }
}

/** Turns whose text is not what the model said to these inputs, in words. */
export function wrongTurns({ turns }: SessionView, said: readonly string[]): string[] {
  return turns.flatMap((turn, index) => {
    const [{ outcome, error }, text] = [turn, textOf(turn)];
    const expected = answerTo(said[index] ?? "");
    if (outcome === "completed" && text === expected) return [];
    const why = error === undefined ? "" : ` (${error.code}: ${error.message})`;
    return [`turn ${index + 1} ${outcome}${why} with ${text.length} of ${expected.length} characters`];
  });
}
