import { connect, type Frame, type HoldfastClient, type Session, type SessionView } from "@holdfast/client";
import { answerTokens, parseScript } from "@holdfast/model-server";

export interface WatcherPlan {
  edge: string;
  token: () => Promise<string>;
  session: string;
  /** The input of the session's turn `n`. */
  inputOf: (turn: number) => string;
}

export interface WatcherRecord {
  connects: number;
  snapshots: number;
  breaks: number;
  /** The last turn it saw the end of. */
  turn: number;
  /** Sentences about text that is not what the model said. */
  wrong: string[];
}

/** One reader through the public client. Checks each frame's place, and for each turn that its text is the model's. */
export class Watcher {
  readonly session: Session;
  readonly #client: HoldfastClient;
  readonly #inputOf: (turn: number) => string;
  readonly #record: WatcherRecord = { connects: 0, snapshots: 0, breaks: 0, turn: 0, wrong: [] };
  #place: string | undefined;
  #partial: { turn: number; text: string } | undefined;
  #lags: number[] = [];

  constructor({ edge, token, session, inputOf }: WatcherPlan) {
    this.#inputOf = inputOf;
    this.#client = connect({ url: edge, token, client: "slow-reader/1" });
    this.#client.on("connection", (state) => {
      // Said twice: again when `welcome` names the node.
      if (state.state === "connected" && state.node === undefined) this.#record.connects++;
    });
    this.session = this.#client.session(session, { agent: "echo" });
    this.session.on("frame", (frame, outcome) => {
      if (frame.type === "snapshot" || outcome !== "dropped") this.#read(frame);
    });
  }

  get record(): WatcherRecord {
    return { ...this.#record, wrong: [...this.#record.wrong] };
  }

  /** Milliseconds from each frame's append, which its id begins with, to here; those since the last call. */
  takeLags(): number[] {
    const lags = this.#lags;
    this.#lags = [];
    return lags;
  }

  async live(): Promise<void> {
    await this.until(({ delivery }) => delivery.state === "live");
  }

  /** Resolves when this turn has ended here. */
  async reached(turn: number): Promise<void> {
    await this.until(({ turns, streaming }) => (turns.at(-1)?.turn ?? 0) >= turn && streaming === null);
  }

  async until(check: (view: SessionView) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!check(this.session.get())) return;
        stop();
        resolve();
      };
      const stop = this.session.subscribe(look);
      look();
    });
  }

  async leave(): Promise<void> {
    await this.#client.close();
  }

  #read(frame: Frame): void {
    if (frame.type === "snapshot") this.#record.snapshots++;
    else {
      if (frame.prev !== this.#place) this.#record.breaks++;
      this.#lags.push(Date.now() - Number.parseInt(frame.id, 10));
    }
    this.#place = frame.id;
    const { turns, streaming } = this.session.get();
    const ended = turns.at(-1);
    if (ended !== undefined) {
      this.#record.turn = ended.turn;
      if (frame.type === "turn.completed") this.#compare(ended);
    }
    if (streaming !== null) this.#partial = streaming;
  }

  /** Once a turn has ended: its text, and what was shown of it before. */
  #compare({ turn, text }: { turn: number; text: string }): void {
    const said = answerTo(this.#inputOf(turn));
    const shown = this.#partial?.turn === turn ? this.#partial.text : "";
    if (text !== said) this.#record.wrong.push(`turn ${turn} is not what the model said`);
    if (!said.startsWith(shown)) this.#record.wrong.push(`turn ${turn} was shown garbled`);
  }
}

/** What the model server answers to an input whose directives are in it. */
function answerTo(input: string): string {
  const directives = /faults:(\S*)/.exec(input)?.[1] ?? "";
  return answerTokens(input, parseScript(directives)).join("");
}
