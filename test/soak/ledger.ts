import type { Turn } from "@holdfast/contract";
import type { SentEvent } from "../kit/history.ts";
import { textOf } from "../kit/reading.ts";

/**
 * Holds every committed turn against what was said, as it comes, so that a run may be of any length: what is settled is
 * forgotten, and a repeat of it is then an input that nobody said. Rules: ack-1, send-2, send-4, turn-1, turn-2, turn-4.
 */
export class Ledger {
  readonly violations: string[] = [];
  /** Turns committed so far, over all sessions, and inputs acknowledged as durable. */
  turns = 0;
  acked = 0;
  readonly #answer: (text: string) => string;
  /** By session and producer: what was said, and no turn has taken yet, by its number. */
  readonly #accounts = new Map<string, Map<number, SentEvent>>();
  /** Observes leave no trace but their number in the agent's state. */
  readonly #sessions = new Map<string, { lastTurn: number; observes: number; durableObserves: number }>();

  /** `answer`: what the model says to an input. */
  constructor(answer: (text: string) => string) {
    this.#answer = answer;
  }

  /** Before it goes out. Whoever sent it marks it as durable when that is told. */
  sent(event: SentEvent): void {
    const { session, producer, seq, kind } = event;
    if (kind === "observe") return void this.#session(session).observes++;
    const id = idOf(session, producer);
    const said = this.#accounts.get(id) ?? new Map<number, SentEvent>();
    this.#accounts.set(id, said.set(seq, event));
  }

  durable({ session, kind }: SentEvent): void {
    if (kind === "input") this.acked++;
    else this.#session(session).durableObserves++;
  }

  /** send-3: all that were durable were counted by the agent, and none twice. */
  checkObserves(session: string, applied: number): void {
    const { observes, durableObserves } = this.#session(session);
    if (applied >= durableObserves && applied <= observes) return;
    this.violations.push(`${session} counted ${applied} observes; ${durableObserves} of ${observes} sent were durable`);
  }

  /** send-4: no number twice. `sent`: all that a client ever sent. */
  checkNumbers(sent: readonly SentEvent[]): void {
    const numbers = new Set(sent.map(({ session, producer, seq }) => `${idOf(session, producer)}#${seq}`));
    if (numbers.size < sent.length) this.violations.push(`${[...numbers].at(-1)} is not the only event of its number`);
  }

  /** Turns of a session as a reader holds them; those it was given before are skipped. */
  committed(path: string, turns: readonly Turn[]): void {
    const session = this.#session(path);
    for (const turn of turns) {
      if (turn.turn <= session.lastTurn) continue;
      if (turn.turn !== session.lastTurn + 1) this.#break(path, turn, `follows turn ${session.lastTurn}`);
      session.lastTurn = turn.turn;
      this.turns++;
      this.#take(path, turn);
    }
  }

  /** What was acknowledged and is in no turn. */
  get owed(): string[] {
    const open = [...this.#accounts].flatMap(([id, said]) => [...said.values()].map((event) => ({ id, ...event })));
    return open.filter(({ durable }) => durable).map(({ id, seq }) => `${id}#${seq}`);
  }

  #session(path: string) {
    const session = this.#sessions.get(path) ?? { lastTurn: 0, observes: 0, durableObserves: 0 };
    this.#sessions.set(path, session);
    return session;
  }

  #take(session: string, turn: Turn): void {
    const [input, ...more] = turn.inputs;
    if (input === undefined || more.length > 0) return this.#break(session, turn, `has ${turn.inputs.length} inputs`);
    this.#checkText(session, turn, input.text);
    const { producer, seq, text } = input;
    const account = this.#accounts.get(idOf(session, producer));
    const said = account?.get(seq);
    if (account === undefined || said === undefined)
      return this.#break(session, turn, `took ${producer}#${seq}, which nobody said or a turn had taken`);
    if (said.text !== text) this.#break(session, turn, `took ${JSON.stringify(text)} for what was said`);
    account.delete(seq);
    for (const [earlier, { durable }] of account) {
      if (earlier > seq) continue;
      // The session keeps one mark a producer: what is below it can come no more.
      if (durable) this.#break(session, turn, `passed over ${producer}#${earlier}, which was durable`);
      account.delete(earlier);
    }
    if (account.size === 0) this.#accounts.delete(idOf(session, producer));
  }

  #checkText(session: string, ended: Turn, input: string): void {
    const [{ outcome, turn, error }, text] = [ended, textOf(ended)];
    const whole = this.#answer(input);
    const isRight = outcome === "completed" ? text === whole : whole.startsWith(text);
    if (!isRight) this.violations.push(`${session} turn ${turn} (${outcome}) says ${JSON.stringify(text)}`);
    if (outcome === "failed") this.violations.push(`${session} turn ${turn} failed: ${error?.code}`);
  }

  #break(session: string, { turn }: Turn, what: string): void {
    this.violations.push(`${session} turn ${turn} ${what}`);
  }
}

/** Neither has a space in it. */
const idOf = (session: string, producer: string): string => `${session} ${producer}`;
