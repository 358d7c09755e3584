import {
  connect,
  type ConnectionState,
  type Frame,
  type HoldfastClient,
  type Session,
  type SessionView,
} from "@holdfast/client";
import { answerTokens, parseScript } from "@holdfast/model-server";
import type { VisitorRecord } from "./storm-protocol.ts";

export interface VisitorPlan {
  name: string;
  edges: readonly string[];
  session: string;
  token: () => Promise<string>;
  onFirstEdge: boolean;
}

/** A client through the public API, and a note of everything a storm does to it. */
export class StormVisitor {
  readonly #name: string;
  readonly #client: HoldfastClient;
  readonly #session: Session;
  readonly #said: string[] = [];
  #connects = 0;
  #url: string | undefined;
  #place: string | undefined;
  #waitedMs = 0;
  #struck: string | undefined;
  #connectsAtMark = 0;
  #record: VisitorRecord;

  constructor({ name, edges, session, token, onFirstEdge }: VisitorPlan) {
    this.#name = name;
    this.#record = emptyRecord(name);
    this.#client = connect({
      url: edges,
      token,
      client: "storm/1",
      ...(onFirstEdge ? { random: firstThenRandom() } : {}),
    });
    this.#client.on("connection", (state) => this.#note(state));
    this.#session = this.#client.session(session, { agent: "echo" });
    this.#session.on("frame", (frame, outcome) => this.#read(frame, outcome));
    this.#session.subscribe(() => this.#noteOpen());
  }

  get record(): VisitorRecord {
    return { ...this.#record, wrong: this.#wrong() };
  }

  /** Resolves once the input is durable. */
  async say(text: string): Promise<void> {
    this.#said.push(text);
    await this.#session.send(text).durable;
  }

  async ask(text: string): Promise<void> {
    await this.say(text);
    await this.answered();
  }

  /** Resolves when everything said has its whole answer. */
  async answered(): Promise<void> {
    await this.#until(({ turns, streaming }) => turns.length === this.#said.length && streaming === null);
  }

  async speaking(): Promise<void> {
    await this.#until(({ streaming }) => streaming !== null && streaming.text !== "");
  }

  /** From now on everything counts; `struck` is the edge that is about to die. */
  mark(struck: string): void {
    this.#struck = struck;
    this.#connectsAtMark = this.#connects;
    this.#record = { ...emptyRecord(this.#name), wasStruck: this.#url === struck };
  }

  /** Resolves when the session is delivered on a connection that was made after the strike, if it had to be. */
  async back(): Promise<void> {
    await this.#until(() => this.#isBack());
  }

  async leave(): Promise<void> {
    await this.#client.close();
  }

  #isBack(): boolean {
    const { connection, delivery } = this.#session.get();
    const isNew = !this.#record.wasStruck || this.#connects > this.#connectsAtMark;
    return isNew && connection.state === "connected" && delivery.state === "live";
  }

  async #until(check: (view: SessionView) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!check(this.#session.get())) return;
        stop();
        resolve();
      };
      const stop = this.#session.subscribe(look);
      look();
    });
  }

  #note(state: ConnectionState): void {
    switch (state.state) {
      case "connecting":
        this.#record.attempts.push({ at: Date.now(), waitedMs: this.#waitedMs });
        return;
      case "waiting": {
        this.#waitedMs = state.delayMs;
        const { code } = state.error;
        if (this.#struck !== undefined) this.#record.failures[code] = (this.#record.failures[code] ?? 0) + 1;
        return;
      }
      case "connected":
        // Said twice: again when `welcome` names the node.
        if (state.node === undefined) this.#connects++;
        this.#url = state.url;
        return;
      default:
        return;
    }
  }

  #noteOpen(): void {
    if (this.#struck === undefined || this.#record.openAt !== null || !this.#isBack()) return;
    if (this.#record.wasStruck) this.#record.openAt = Date.now();
  }

  /** The chain, looked at without the client's own reader: what it drops was never part of it. */
  #read(frame: Frame, outcome: string): void {
    if (frame.type === "snapshot") this.#record.snapshots++;
    else if (outcome === "dropped") return;
    else if (frame.prev !== this.#place) this.#record.breaks++;
    this.#place = frame.id;
  }

  #wrong(): string[] {
    const { turns, lag, connection, delivery, degraded } = this.#session.get();
    const wrong = turns.flatMap(({ outcome, text, error }, index) => {
      const expected = expectedAnswer(this.#said[index] ?? "");
      if (outcome === "completed" && text === expected) return [];
      const why = error === undefined ? "" : ` (${error.code}: ${error.message})`;
      return [`turn ${index + 1} ${outcome}${why} with ${text.length} of ${expected.length} characters`];
    });
    if (turns.length !== this.#said.length) {
      const state = `${connection.state}, ${delivery.state}${degraded ? ", degraded" : ""}`;
      wrong.push(`${turns.length} answers to ${this.#said.length} inputs: ${JSON.stringify(lag)}, ${state}`);
    }
    return wrong.map((sentence) => `${this.#name}: ${sentence}`);
  }
}

/** What the model server answers to this text, whose directives are in it. */
function expectedAnswer(text: string): string {
  const directives = /faults:(\S*)/.exec(text)?.[1] ?? "";
  return answerTokens(text, parseScript(directives)).join("");
}

/** The client's first draw chooses its first edge. */
function firstThenRandom(): () => number {
  let isFirst = true;
  return () => {
    if (!isFirst) return Math.random();
    isFirst = false;
    return 0;
  };
}

function emptyRecord(name: string): VisitorRecord {
  return { name, wasStruck: false, attempts: [], failures: {}, openAt: null, snapshots: 0, breaks: 0, wrong: [] };
}
