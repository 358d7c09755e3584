import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { answersBy } from "../chaos/answers.ts";
import { check } from "../chaos/checker.ts";
import { emptyHistory } from "../chaos/history.ts";
import { randomFrom } from "../chaos/schedule.ts";
import type { Guest, Invitation } from "./guest.ts";
import type { Ledger } from "./ledger.ts";
import { RawGuest } from "./raw-guest.ts";
import { refOf } from "./scribe.ts";
import { NOBODY } from "./server-instruments.ts";
import { SdkGuest } from "./sdk-guest.ts";
import { Exchange, Lines } from "./tcp-lines.ts";
import { visit } from "./visit.ts";
import { planVisit, type Random, type VisitPlan } from "./visit-plan.ts";

/** Fixed, so that what a language model has to remember of words does not grow with a run. */
const WORDS = "amber basil cedar delta ember fjord grove haven inlet jetty knoll larch maple north ocean pearl".split(
  " ",
);
const WORDS_PER_SAYING = 5;
/** A guest loses its connection so long after it spoke: some before, some in, some after the answer. */
const LONGEST_MOMENT_MS = 150;

/** Some quote all a reader holds. */
const LONGEST_REASON = 200;

export interface HouseOptions {
  clients: number;
  seed: number;
  silences: boolean;
  keys: readonly SessionKey[];
  answer: (text: string) => string;
}

/** Where guests come and go: as many places as there are clients, each taken by one guest after another. */
export class House {
  readonly violations: string[] = [];
  readonly #stack: Stack;
  readonly #ledger: Ledger;
  readonly #options: HouseOptions;
  readonly #exchange = new Exchange();
  readonly #began = performance.now();
  #connections = 0;
  #visits = 0;
  #isOpen = true;
  readonly #places: Promise<void>[];

  constructor(stack: Stack, ledger: Ledger, options: HouseOptions) {
    this.#stack = stack;
    this.#ledger = ledger;
    this.#options = options;
    this.#places = Array.from({ length: options.clients }, (_, place) => this.#fill(place));
  }

  /** Connections guests have made so far. */
  get connections(): number {
    return this.#connections;
  }

  /** TCP connections of guests that are open now. */
  get openLines(): number {
    return this.#exchange.open;
  }

  get visits(): number {
    return this.#visits;
  }

  /** Lets nobody in any more; resolves when all have left. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#places);
    this.#exchange.close();
  }

  /** One guest after another. The same seed plans the same visits for a place. */
  async #fill(place: number): Promise<void> {
    const random = randomFrom(this.#options.seed * 1_000 + place);
    await sleep(random() * 1_000);
    while (this.#isOpen) {
      const plan = planVisit(random, this.#options.silences);
      await this.#receive(plan, random);
      await sleep(plan.thenMs);
    }
  }

  async #receive(plan: VisitPlan, random: Random): Promise<void> {
    const lines = new Lines();
    const number = ++this.#visits;
    const guest = this.#invite(plan, number, lines);
    const words = (): string => {
      return Array.from({ length: WORDS_PER_SAYING }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
    };
    const momentMs = (): number => random() * LONGEST_MOMENT_MS;
    try {
      await visit(plan, guest, { lines, words, momentMs, isOpen: () => this.#isOpen });
    } catch (error) {
      this.violations.push(`hang: guest-${number}: ${String(error).slice(0, LONGEST_REASON)}`);
      lines.destroy();
      await guest.leave(false);
    }
    this.#inspect(plan, guest);
  }

  #invite(plan: VisitPlan, number: number, lines: Lines): Guest {
    const { keys } = this.#options;
    const name = `guest-${number}`;
    const key = keys[Math.floor(plan.session * keys.length)];
    if (key === undefined) throw new Error("There is no session to visit.");
    const elsewhere = plan.looksElsewhere ? [`${NOBODY}/${name}`] : [];
    const edges = this.#stack.edgeUrls;
    const first = Math.floor(plan.edge * edges.length);
    const invitation: Invitation = {
      name,
      ref: refOf(key),
      path: sessionPath(key),
      elsewhere,
      edges: [...edges.slice(first), ...edges.slice(0, first)],
      token: () => this.#stack.token({ subject: name, shared: [refOf(key), ...elsewhere] }),
      ledger: this.#ledger,
      exchange: this.#exchange,
      lines,
      onConnection: () => this.#connections++,
      clock: () => performance.now() - this.#began,
    };
    return plan.kind === "sdk" ? new SdkGuest(invitation) : new RawGuest(invitation);
  }

  /** Holds all a guest was shown against SPEC.md. One that left in the middle may have missed what would have healed it. */
  #inspect({ departure }: VisitPlan, guest: Guest): void {
    const found = check({ ...emptyHistory(), readers: [guest.record()], answers: answersBy(this.#options.answer) });
    for (const { promise, detail } of found) {
      if (promise !== "gap" || departure === "polite") this.violations.push(`${promise}: ${detail}`);
    }
  }
}
