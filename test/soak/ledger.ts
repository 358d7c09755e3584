import type { Turn } from "@holdfast/contract";
import { textOf } from "../kit/reading.ts";

/** What one producer said to one session and no turn has taken yet. */
interface Account {
  said: Map<number, { text: string; durable: boolean }>;
  /** Highest seq of an input that a turn has taken. */
  taken: number;
  /** It will say nothing more. */
  closed: boolean;
}

/**
 * Holds every committed turn against what was said, as it comes, so that a run may be of any length: what is settled is
 * forgotten, and a repeat of it is then an input that nobody said. Rules: ack-1, send-2, send-4, turn-1, turn-2, turn-4.
 */
export class Ledger {
  readonly violations: string[] = [];
  readonly #answer: (text: string) => string;
  /** By session and producer. */
  readonly #accounts = new Map<string, Account>();
  readonly #lastTurn = new Map<string, number>();
  /** Observes by session: they leave no trace but their number in the agent's state. */
  readonly #observes = new Map<string, { sent: number; durable: number }>();
  #turns = 0;
  #durable = 0;

  /** `answer`: what the model says to an input. */
  constructor(answer: (text: string) => string) {
    this.#answer = answer;
  }

  /** Turns committed so far, over all sessions. */
  get turns(): number {
    return this.#turns;
  }

  /** Inputs acknowledged as durable so far. */
  get acked(): number {
    return this.#durable;
  }

  /** Before it is sent. */
  said(session: string, producer: string, seq: number, text: string): void {
    const id = idOf(session, producer);
    const account = this.#accounts.get(id) ?? { said: new Map(), taken: 0, closed: false };
    this.#accounts.set(id, account);
    account.said.set(seq, { text, durable: false });
  }

  /** The client was told so. */
  durable(session: string, producer: string, seq: number): void {
    const input = this.#accounts.get(idOf(session, producer))?.said.get(seq);
    this.#durable++;
    // Unknown: a turn has taken it before its answer came.
    if (input !== undefined) input.durable = true;
  }

  /** An observe, before it is sent. */
  observed(session: string): void {
    this.#observesOf(session).sent++;
  }

  observedDurably(session: string): void {
    this.#observesOf(session).durable++;
  }

  /** send-3: all that were durable were counted by the agent, and none twice. */
  checkObserves(session: string, applied: number): void {
    const { sent, durable } = this.#observesOf(session);
    if (applied >= durable && applied <= sent) return;
    this.violations.push(`${session} counted ${applied} observes; ${durable} of ${sent} sent were durable`);
  }

  /** The producer has left for good. */
  closed(session: string, producer: string): void {
    const id = idOf(session, producer);
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    account.closed = true;
    this.#forgetSettled(id, account);
  }

  /** Turns of a session as a reader holds them; those it was given before are skipped. */
  committed(session: string, turns: readonly Turn[]): void {
    for (const turn of turns) {
      const last = this.#lastTurn.get(session) ?? 0;
      if (turn.turn <= last) continue;
      if (turn.turn !== last + 1) this.#break(session, turn, `follows turn ${last}`);
      this.#lastTurn.set(session, turn.turn);
      this.#turns++;
      this.#take(session, turn);
    }
  }

  /** What was acknowledged and is in no turn. */
  get owed(): string[] {
    return [...this.#accounts].flatMap(([id, { said }]) =>
      [...said].filter(([, { durable }]) => durable).map(([seq]) => `${id.replace("\n", " ")}#${seq}`),
    );
  }

  #observesOf(session: string): { sent: number; durable: number } {
    const observes = this.#observes.get(session) ?? { sent: 0, durable: 0 };
    this.#observes.set(session, observes);
    return observes;
  }

  #take(session: string, turn: Turn): void {
    const [input, ...more] = turn.inputs;
    if (input === undefined || more.length > 0) return this.#break(session, turn, `has ${turn.inputs.length} inputs`);
    this.#checkText(session, turn, input.text);
    const id = idOf(session, input.producer);
    const account = this.#accounts.get(id);
    const said = account?.said.get(input.seq);
    if (account === undefined || said === undefined) {
      return this.#break(session, turn, `took ${input.producer}#${input.seq}, which nobody said or a turn had taken`);
    }
    if (said.text !== input.text) this.#break(session, turn, `took ${JSON.stringify(input.text)} for what was said`);
    if (input.seq <= account.taken) this.#break(session, turn, `took ${input.producer}#${input.seq} out of order`);
    account.taken = Math.max(account.taken, input.seq);
    account.said.delete(input.seq);
    for (const [seq, { durable }] of account.said) {
      if (seq > input.seq) continue;
      // The session keeps one mark a producer: what is below it can come no more.
      if (durable) this.#break(session, turn, `passed over ${input.producer}#${seq}, which was durable`);
      account.said.delete(seq);
    }
    this.#forgetSettled(id, account);
  }

  #checkText(session: string, ended: Turn, input: string): void {
    const [{ outcome, turn, error }, text] = [ended, textOf(ended)];
    const whole = this.#answer(input);
    const isRight = outcome === "completed" ? text === whole : whole.startsWith(text);
    if (!isRight) this.violations.push(`${session} turn ${turn} (${outcome}) says ${JSON.stringify(text)}`);
    if (outcome === "failed") this.violations.push(`${session} turn ${turn} failed: ${error?.code}`);
  }

  #forgetSettled(id: string, { said, closed }: Account): void {
    if (closed && said.size === 0) this.#accounts.delete(id);
  }

  #break(session: string, { turn }: Turn, what: string): void {
    this.violations.push(`${session} turn ${turn} ${what}`);
  }
}

function idOf(session: string, producer: string): string {
  return `${session}\n${producer}`;
}
