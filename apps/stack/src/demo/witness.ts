import { type ConnectionState, type RunningTurn, type Session, textOf, type Turn } from "@holdfast/client";
import type { Screen } from "./screen.ts";

/**
 * Sees what a person at the client would see, at every change: writes it to the screen, and notes every moment at which
 * it was wrong, not only what is left at the end.
 */
export class Witness {
  readonly problems: string[] = [];
  /** Times the running turn's text was taken back. */
  rewinds = 0;
  readonly #session: Session;
  readonly #screen: Screen;
  readonly #answerTo: (input: string) => string;
  readonly #committed = new Map<number, string>();
  #connection = "";
  /** What stands on the screen of the turn under way. */
  #shown = { turn: 0, text: "" };

  constructor(session: Session, screen: Screen, answerTo: (input: string) => string) {
    this.#session = session;
    this.#screen = screen;
    this.#answerTo = answerTo;
    session.subscribe(() => this.#look());
  }

  /** Resolves when `condition` holds of the view; rejects with a sentence after `withinMs`. */
  async until(
    what: string,
    condition: (view: ReturnType<Session["get"]>) => boolean,
    withinMs = 60_000,
  ): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        done();
        reject(new Error(`Waited ${withinMs / 1_000} s in vain until ${what}.`));
      }, withinMs);
      const look = (): void => {
        const view = this.#session.get();
        const broken = view.turns.find(({ outcome }) => outcome !== "completed");
        if (broken === undefined && !condition(view)) return;
        done();
        if (broken === undefined) resolve();
        else reject(new Error(`Turn ${broken.turn} should have completed; it ${ending(broken)}.`));
      };
      const unsubscribe = this.#session.subscribe(look);
      const done = (): void => {
        clearTimeout(timer);
        unsubscribe();
      };
      look();
    });
  }

  #look(): void {
    const view = this.#session.get();
    this.#showConnection(view.connection);
    for (const turn of view.turns) this.#seeCommitted(turn);
    if (view.running !== null) this.#seeRunning(view.running);
  }

  #showConnection(connection: ConnectionState): void {
    const text = describe(connection);
    if (text === undefined || text === this.#connection) return;
    this.#connection = text;
    this.#screen.line("client", text);
  }

  #seeRunning(running: RunningTurn): void {
    const [{ turn, inputs }, text] = [running, textOf(running)];
    const answer = this.#answerTo(inputs.map((input) => input.text).join("\n"));
    if (!answer.startsWith(text)) {
      this.#note(`While turn ${turn} ran, its text was not the beginning of what the model says: …${text.slice(-60)}`);
    }
    this.#show(turn, text);
  }

  #seeCommitted(committed: Turn): void {
    const [{ turn }, text] = [committed, textOf(committed)];
    const before = this.#committed.get(turn);
    if (before === text) return;
    if (before !== undefined) this.#note(`The text of turn ${turn} changed after it had ended.`);
    this.#committed.set(turn, text);
    this.#show(turn, text);
    this.#screen.line(committed.outcome === "completed" ? "✓" : "✗", `turn ${turn} ${ending(committed)}`);
  }

  #show(turn: number, text: string): void {
    if (this.#shown.turn !== turn) this.#shown = { turn, text: "" };
    if (!text.startsWith(this.#shown.text)) {
      this.rewinds += 1;
      this.#screen.line("↩ rewind", `the agent takes back what it has said of turn ${turn} and starts it again`);
      this.#shown.text = "";
    }
    const more = text.slice(this.#shown.text.length);
    if (more !== "") this.#screen.stream(more);
    this.#shown = { turn, text };
  }

  #note(problem: string): void {
    if (!this.problems.includes(problem)) this.problems.push(problem);
  }
}

function ending({ outcome, error }: Turn): string {
  return error === undefined ? outcome : `${outcome}: ${error.message} (${error.code})`;
}

function describe(connection: ConnectionState): string | undefined {
  switch (connection.state) {
    case "idle":
    case "connecting":
      return undefined;
    case "connected":
      // The node's name comes with the edge's welcome, a moment later.
      return connection.node === undefined ? undefined : `connected to ${connection.node}`;
    case "waiting":
      return "not connected; trying the next edge";
    case "refused":
      return `refused: ${connection.error.message}`;
    case "closed":
      return "closed";
  }
}
