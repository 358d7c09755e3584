import { connect, type HoldfastClient, type Session, textOf } from "@holdfast/client";
import type { Stack } from "../stack.ts";
import type { Screen } from "./screen.ts";
import { Witness } from "./witness.ts";

/** The inputs, in order. Each is answered by one turn. */
export const INPUTS = {
  quiet: "Good morning! What can you do for me?",
  edgeDies: "Tell me about the harbour, please.",
  sentWhileDead: "And is the old lighthouse open on Sundays?",
  workerDies: "Plan a walk from the lighthouse to the market.",
  bothDie: "Which boat goes back in the evening?",
  sentWhileBothDead: "Thank you, book it.",
} as const;

/** Share of an answer a reader must have seen before something is killed. */
const MID_SENTENCE = 0.3;

/** Holds the conversation and kills processes in the middle of it. Resolves when every input has been answered. */
export class Conversation {
  readonly session: Session;
  readonly witness: Witness;
  readonly #client: HoldfastClient;
  readonly #stack: Stack;
  readonly #screen: Screen;
  readonly #answerTo: (input: string) => string;
  #sent = 0;

  constructor(stack: Stack, screen: Screen, name: string, answerTo: (input: string) => string) {
    this.#stack = stack;
    this.#screen = screen;
    this.#answerTo = answerTo;
    this.#client = connect({ url: stack.edgeUrls, token: () => stack.token({ subject: "ada" }), client: "demo" });
    this.session = this.#client.session(name, { agent: "concierge" });
    this.witness = new Witness(this.session, screen, answerTo);
  }

  async hold(): Promise<void> {
    this.#say(INPUTS.quiet);
    await this.#answered();

    this.#say(INPUTS.edgeDies);
    await this.#midSentence(INPUTS.edgeDies);
    await this.#killEdge();
    this.#say(INPUTS.sentWhileDead, "sent while the edge is dead");
    await this.#answered();

    this.#say(INPUTS.workerDies);
    await this.#midSentence(INPUTS.workerDies);
    await this.#kill("inference", "the worker that is calling the model");
    await this.#answered();

    this.#say(INPUTS.bothDie);
    await this.#midSentence(INPUTS.bothDie);
    await Promise.all([this.#killEdge(), this.#kill("inference", "the worker that is calling the model")]);
    this.#say(INPUTS.sentWhileBothDead, "sent while both are dead");
    await this.#answered();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #say(text: string, remark?: string): void {
    this.#screen.line("you", remark === undefined ? text : `${text}   (${remark})`);
    this.#sent += 1;
    this.session.send(text);
  }

  /** Every input sent so far has its turn, and the turn has ended. */
  async #answered(): Promise<void> {
    await this.witness.until(
      `turn ${this.#sent} has ended`,
      ({ turns, running, pending }) => turns.length >= this.#sent && running === null && pending.length === 0,
    );
  }

  async #midSentence(input: string): Promise<void> {
    const enough = this.#answerTo(input).length * MID_SENTENCE;
    await this.witness.until(
      `the reader has seen a part of the answer to “${input}”`,
      ({ running }) => running?.inputs.at(-1)?.text === input && textOf(running).length >= enough,
    );
  }

  async #killEdge(): Promise<void> {
    let node: string | undefined;
    await this.witness.until("the client is connected", ({ connection }) => {
      node = connection.state === "connected" ? connection.node : undefined;
      return node !== undefined;
    });
    await this.#kill(node ?? "", "the edge the client is connected to");
    await this.witness.until("the client notices", (view) => view.connection.state !== "connected");
  }

  async #kill(name: string, what: string): Promise<void> {
    const pid = this.#stack.children().find((child) => child.name === name)?.pid;
    this.#screen.line("✗ kill -9", `${name} (process ${pid}), ${what}`);
    await this.#stack.kill(name, "SIGKILL");
  }
}
