import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { check } from "../kit/checker.ts";
import { emptyHistory, type ReaderRecord, type SentEvent } from "../kit/history.ts";
import { answersBy } from "../kit/model-calls.ts";
import { type ParticipantOptions, RawParticipant, SdkParticipant } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import { picked, randomFrom } from "../kit/statistics.ts";
import { NOBODY } from "./instruments.ts";
import type { Ledger } from "./ledger.ts";
import { TcpConnections, TcpRegistry } from "./tcp-connections.ts";

/** What a visitor does, and how long it then waits. */
export interface Act {
  /**
   * - `say`: an input, and its answer to the end. `observe`: a few small facts.
   * - `interrupt`: an input whose turn is stopped as soon as it runs.
   * - `lose`: the connection is destroyed under an input that has no answer yet; the visitor comes back with its cursor.
   * - `forget`: the same, and it comes back without.
   */
  do: "say" | "observe" | "interrupt" | "lose" | "forget";
  thenMs: number;
}

/**
 * How a visitor ends its visit. `polite`: it closes. `abrupt`: its connection is reset in the middle of an answer.
 * `silent`: it is not heard of again, and does not hear.
 */
export type Departure = "polite" | "abrupt" | "silent";

/** One visit, from its connection to its end. */
export interface VisitPlan {
  /** `sdk`: by `@holdfast/client`. `raw`: by SPEC.md and a Socket.IO client. */
  kind: "sdk" | "raw";
  /** 0 ≤ … < 1: which of the edges, and which of the sessions. */
  edge: number;
  session: number;
  /** Opens a session as well that nobody ever says anything to. */
  looksElsewhere: boolean;
  acts: Act[];
  departure: Departure;
  /** Until the next visitor takes the place. */
  thenMs: number;
}

/** Plans a visit: some seconds long. `silences`: whether visitors may fall silent, which an edge needs 45 s to notice. */
export function planVisit(random: () => number, silences: boolean): VisitPlan {
  const raw = random() < 0.4;
  const acts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => planAct(random));
  return {
    kind: raw ? "raw" : "sdk",
    edge: random(),
    session: random(),
    looksElsewhere: random() < 0.3,
    acts,
    departure: planDeparture(random, silences && raw),
    thenMs: 100 + random() * 900,
  };
}

function planAct(random: () => number): Act {
  const act = pick(random, { say: 40, observe: 20, interrupt: 10, lose: 18, forget: 12 });
  return { do: act, thenMs: 100 + random() * 1_500 };
}

function planDeparture(random: () => number, mayFallSilent: boolean): Departure {
  return pick(random, { polite: 45, abrupt: mayFallSilent ? 50 : 55, silent: mayFallSilent ? 5 : 0 });
}

/** One of the names, each as often as its weight says. */
function pick<Name extends string>(random: () => number, weights: Record<Name, number>): Name {
  const names = Object.keys(weights).filter((name): name is Name => name in weights);
  let left = random() * names.reduce((sum, name) => sum + weights[name], 0);
  for (const name of names) {
    left -= weights[name];
    if (left < 0) return name;
  }
  throw new Error("There is nothing to pick from.");
}

/** A bound on a hang, not a measure of speed. */
const PATIENCE_MS = 90_000;
const FACTS = 3;
/** Fixed, so that what a language model has to remember of words does not grow with a run. */
const WORDS = "amber basil cedar delta ember fjord grove haven inlet jetty knoll larch maple north ocean pearl".split(
  " ",
);
const WORDS_PER_SAYING = 5;
/** A visitor loses its connection so long after it spoke: some before, some in, some after the answer. */
const LONGEST_MOMENT_MS = 150;

/** What a visitor needs to make its visit. */
interface VisitorDeps {
  random: () => number;
  ledger: Ledger;
  registry: TcpRegistry;
  connections: TcpConnections;
}

/** One client during one visit. Whatever takes longer than `PATIENCE_MS` rejects. */
class Visitor {
  readonly #kind: VisitPlan["kind"];
  readonly #options: ParticipantOptions;
  readonly #deps: VisitorDeps;
  #client: SdkParticipant | RawParticipant;

  constructor(kind: VisitPlan["kind"], options: Omit<ParticipantOptions, "onSent" | "onDurable">, deps: VisitorDeps) {
    const { ledger } = deps;
    const onSent = ({ session, producer, seq, kind: event, text }: SentEvent): void =>
      event === "input" ? ledger.said(session, producer, seq, text) : ledger.observed(session);
    const onDurable = ({ session, producer, seq, kind: event }: SentEvent): void =>
      event === "input" ? ledger.durable(session, producer, seq) : ledger.observedDurably(session);
    this.#kind = kind;
    this.#options = { ...options, onSent, onDurable };
    this.#deps = deps;
    this.#client = this.#connect();
  }

  /** From the connection to the end, or sooner when `isOver`. */
  async visit({ acts, departure }: VisitPlan, isOver: () => boolean): Promise<void> {
    await this.#open();
    for (const act of acts) {
      if (isOver()) break;
      await this.#perform(act.do);
      await sleep(act.thenMs);
    }
    if (departure === "polite") await this.#client.leave();
    else await this.#end(departure);
    this.#closeAccounts();
  }

  /** As when its process is killed. */
  async abandon(): Promise<void> {
    this.#deps.connections.destroy();
    await this.#client.close();
    this.#closeAccounts();
  }

  record(): ReaderRecord {
    return this.#client.record();
  }

  async #perform(act: Act["do"]): Promise<void> {
    switch (act) {
      case "say":
        this.#say();
        return this.#answered();
      case "observe":
        for (let facts = 0; facts < FACTS; facts++) this.#client.observe("looked");
        return;
      case "interrupt":
        this.#say();
        await this.#interrupt();
        return this.#answered();
      case "lose":
      case "forget":
        this.#say();
        await this.#moment();
        this.#deps.connections.destroy();
        await this.#comeBack(act === "lose");
        return this.#answered();
    }
  }

  async #end(departure: "abrupt" | "silent"): Promise<void> {
    this.#say();
    if (departure === "silent" && this.#client instanceof RawParticipant) {
      this.#deps.connections.fallSilent();
      return this.#client.vanish();
    }
    await this.#moment();
    this.#deps.connections.destroy();
    return this.#client.close();
  }

  #say(): void {
    this.#client.say(Array.from({ length: WORDS_PER_SAYING }, () => picked(WORDS, this.#deps.random())).join(" "));
  }

  /** Into an answer, or before one. */
  #moment(): Promise<void> {
    return sleep(this.#deps.random() * LONGEST_MOMENT_MS);
  }

  #open(): Promise<void> {
    return this.#client.until("its session is open", () => this.#client.isOpen, PATIENCE_MS);
  }

  #answered(): Promise<void> {
    const client = this.#client;
    return client.until("all is answered", () => client.isApplied && client.ownTurn === null, PATIENCE_MS);
  }

  /**
   * Stops the turn of what was said last once it says something, unless it has ended by then. Not before: a model is asked the
   * next input together with one that got no answer at all, and its answer is then another.
   */
  async #interrupt(): Promise<void> {
    const client = this.#client;
    await client.until(
      "its turn speaks",
      () => client.isApplied && (client.ownTurn === null || textOf(client.ownTurn) !== ""),
      PATIENCE_MS,
    );
    const turn = client.ownTurn?.turn;
    if (turn !== undefined) await client.interrupt(turn);
  }

  /** With what it holds or without: then it is another page of the same person, with an outbox under a new name. */
  async #comeBack(withCursor: boolean): Promise<void> {
    if (!withCursor && this.#client instanceof RawParticipant) this.#client.forget();
    else if (!withCursor) {
      await this.#client.close();
      this.#closeAccounts();
      this.#client = this.#connect();
    }
    await this.#open();
  }

  #closeAccounts(): void {
    for (const { session, producer } of this.#client.sent) this.#deps.ledger.closed(session, producer);
  }

  #connect(): SdkParticipant | RawParticipant {
    const { registry, connections } = this.#deps;
    return registry.within(connections, () =>
      this.#kind === "sdk" ? new SdkParticipant(this.#options) : new RawParticipant(this.#options),
    );
  }
}

/** Some quote all a reader holds. */
const LONGEST_REASON = 200;

export interface VisitsOptions {
  clients: number;
  seed: number;
  silences: boolean;
  keys: readonly SessionKey[];
  answer: (text: string) => string;
}

/** Clients come and go: there are as many places as clients at once, each taken by one visitor after another. */
export class Visits {
  readonly violations: string[] = [];
  readonly #stack: Stack;
  readonly #ledger: Ledger;
  readonly #options: VisitsOptions;
  readonly #registry = new TcpRegistry();
  readonly #began = performance.now();
  #connections = 0;
  #visits = 0;
  #isOver = false;
  readonly #places: Promise<void>[];

  constructor(stack: Stack, ledger: Ledger, options: VisitsOptions) {
    this.#stack = stack;
    this.#ledger = ledger;
    this.#options = options;
    this.#places = Array.from({ length: options.clients }, (_, place) => this.#fill(place));
  }

  /** Connections visitors have made so far. */
  get connections(): number {
    return this.#connections;
  }

  /** TCP connections of visitors that are open now. */
  get openConnections(): number {
    return this.#registry.open;
  }

  get visits(): number {
    return this.#visits;
  }

  /** Lets nobody in any more; resolves when all have left. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#places);
    this.#registry.close();
  }

  /** One visitor after another. The same seed plans the same visits for a place. */
  async #fill(place: number): Promise<void> {
    const random = randomFrom(this.#options.seed * 1_000 + place);
    await sleep(random() * 1_000);
    while (!this.#isOver) {
      const plan = planVisit(random, this.#options.silences);
      await this.#receive(plan, random);
      await sleep(plan.thenMs);
    }
  }

  async #receive(plan: VisitPlan, random: () => number): Promise<void> {
    const connections = new TcpConnections();
    const name = `visitor-${++this.#visits}`;
    const deps = { random, connections, ledger: this.#ledger, registry: this.#registry };
    const visitor = new Visitor(plan.kind, this.#optionsOf(plan, name), deps);
    try {
      await visitor.visit(plan, () => this.#isOver);
    } catch (error) {
      this.violations.push(`hang: ${name}: ${String(error).slice(0, LONGEST_REASON)}`);
      await visitor.abandon();
    }
    this.#inspect(plan, visitor.record());
  }

  #optionsOf(plan: VisitPlan, name: string): ParticipantOptions {
    const key = picked(this.#options.keys, plan.session);
    const beside = plan.looksElsewhere ? [`${NOBODY}/${name}`] : [];
    const { edgeUrls } = this.#stack;
    const first = Math.floor(plan.edge * edgeUrls.length);
    return {
      name,
      key,
      ref: refOf(key),
      beside,
      edges: [...edgeUrls.slice(first), ...edgeUrls.slice(0, first)],
      token: () => this.#stack.token({ subject: name, shared: [refOf(key), ...beside] }),
      onConnection: () => this.#connections++,
      clock: () => performance.now() - this.#began,
    };
  }

  /** Holds all a visitor was shown against SPEC.md. One that left in the middle may have missed what would have healed it. */
  #inspect({ departure }: VisitPlan, record: ReaderRecord): void {
    const found = check({ ...emptyHistory(), readers: [record], answers: answersBy(this.#options.answer) });
    for (const { promise, detail } of found) {
      if (promise !== "gap" || departure === "polite") this.violations.push(`${promise}: ${detail}`);
    }
  }
}

/** A session as another subject asks for it (SPEC ids-2). */
export function refOf({ owner, name }: SessionKey): string {
  return `${owner}/${name}`;
}
