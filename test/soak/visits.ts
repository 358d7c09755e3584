import { setTimeout as sleep } from "node:timers/promises";
import type { SessionKey } from "@holdfast/contract";
import type { Stack } from "@holdfast/stack/stack";
import { check } from "../kit/checker.ts";
import { emptyHistory } from "../kit/history.ts";
import { answersBy } from "../kit/model-calls.ts";
import { type ParticipantOptions, RawParticipant, SdkParticipant, type Talker } from "../kit/participant.ts";
import { textOf } from "../kit/reading.ts";
import { picked, randomFrom, sum } from "../kit/statistics.ts";
import { NOBODY } from "./instruments.ts";
import type { Ledger } from "./ledger.ts";
import type { SoakOptions } from "./soak.ts";
import { TcpConnections } from "./tcp-connections.ts";

/**
 * What a visitor does, and how often of a hundred times; then it waits a little.
 * - `say`: an input, and its answer to the end. `observe`: a few small facts.
 * - `interrupt`: an input whose turn is stopped as soon as it runs.
 * - `lose`: the connection is destroyed under an input that has no answer yet; the visitor comes back with its cursor.
 * - `forget`: the same, and it comes back without.
 */
const ACTS = { say: 40, observe: 20, interrupt: 10, lose: 18, forget: 12 };
type Act = keyof typeof ACTS;

/**
 * How a visit ends. `polite`: the visitor closes. `abrupt`: its connection is reset in the middle of an answer. `silent`: it is not
 * heard of again, and does not hear; an edge needs 45 s to notice.
 */
const departures = (silent: number) => ({ polite: 45, abrupt: 55 - silent, silent });

export type VisitPlan = ReturnType<typeof planVisit>;

/** Plans a visit, from its connection to its end: some seconds long. `silences`: whether visitors may fall silent. */
export function planVisit(random: () => number, silences: boolean) {
  // By `@holdfast/client`, or by SPEC.md and a Socket.IO client.
  const kind: "sdk" | "raw" = random() < 0.4 ? "raw" : "sdk";
  const acts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
    return { do: weighed(ACTS, random), thenMs: 100 + random() * 1_500 };
  });
  return {
    kind,
    /** 0 ≤ … < 1: which of the edges, and which of the sessions. */
    edge: random(),
    session: random(),
    /** Opens a session as well that nobody ever says anything to. */
    looksElsewhere: random() < 0.3,
    acts,
    departure: weighed(departures(silences && kind === "raw" ? 5 : 0), random),
    /** Until the next visitor takes the place. */
    thenMs: 100 + random() * 900,
  };
}

/** One of the names, each as often as its weight says. */
function weighed<Name extends string>(weights: Record<Name, number>, random: () => number): Name {
  const names = Object.keys(weights).filter((name): name is Name => name in weights);
  let left = random() * sum(names, (name) => weights[name]);
  const name = names.find((each) => (left -= weights[each]) < 0);
  if (name === undefined) throw new Error("There is nothing to pick from.");
  return name;
}

/** A bound on a hang, not a measure of speed. */
const PATIENCE_MS = 90_000;
const FACTS = 3;
/** Fixed, so that what a language model has to remember of words does not grow with a run. */
const WORDS = "amber basil cedar delta ember fjord grove haven inlet jetty knoll larch maple north ocean pearl".split(
  " ",
);
const WORDS_PER_SAYING = 5;
/**
 * One saying in eight has this many words, some 25 KB. So a session holds all the turns it keeps (1 MiB) after some two hundred, and
 * what its workflow holds stops growing within the warm-up of a run of ten minutes.
 */
const WORDS_PER_LONG_SAYING = 4_500;
const LONG_SAYINGS = 1 / 8;
/** A visitor loses its connection so long after it spoke: some before, some in, some after the answer. */
const LONGEST_MOMENT_MS = 150;

/** One person during one visit. Whatever takes longer than `PATIENCE_MS` rejects. */
class Visitor {
  /** Those it has used, the one it uses now last. */
  readonly clients: Talker[] = [];
  readonly #random: () => number;
  readonly #connections = new TcpConnections();
  readonly #connect: () => Talker;
  #client: Talker;

  constructor(kind: VisitPlan["kind"], options: ParticipantOptions, random: () => number) {
    this.#random = random;
    const Client = kind === "sdk" ? SdkParticipant : RawParticipant;
    this.#connect = () => {
      const client = this.#connections.within(() => new Client(options));
      this.clients.push(client);
      return client;
    };
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
  }

  /** As when its process is killed. */
  async abandon(): Promise<void> {
    this.#connections.destroy();
    await this.#client.close();
  }

  async #perform(act: Act): Promise<void> {
    if (act === "observe") {
      for (let facts = 0; facts < FACTS; facts++) this.#client.observe("looked");
      return;
    }
    this.#say();
    if (act === "interrupt") await this.#interrupt();
    if (act === "lose" || act === "forget") {
      await this.#loseConnection();
      if (act === "forget") await this.#forget();
      await this.#open();
    }
    await this.#until("all is answered", (client) => client.isApplied && client.ownTurn === null);
  }

  async #end(departure: "abrupt" | "silent"): Promise<void> {
    this.#say();
    if (departure === "silent" && this.#client instanceof RawParticipant) {
      this.#connections.fallSilent();
      return this.#client.vanish();
    }
    await this.#loseConnection();
    return this.#client.close();
  }

  #say(): void {
    const length = this.#random() < LONG_SAYINGS ? WORDS_PER_LONG_SAYING : WORDS_PER_SAYING;
    this.#client.say(Array.from({ length }, () => picked(WORDS, this.#random())).join(" "));
  }

  #open(): Promise<void> {
    return this.#until("its session is open", (client) => client.isOpen);
  }

  async #until(what: string, isSo: (client: Talker) => boolean): Promise<void> {
    const client = this.#client;
    await client.until(what, () => isSo(client), PATIENCE_MS);
  }

  /**
   * Stops the turn of what was said last once it says something, unless it has ended by then. Not before: a model is asked the
   * next input together with one that got no answer at all, and its answer is then another.
   */
  async #interrupt(): Promise<void> {
    const speaks = ({ ownTurn }: Talker): boolean => ownTurn === null || textOf(ownTurn) !== "";
    await this.#until("its turn speaks", (client) => client.isApplied && speaks(client));
    const turn = this.#client.ownTurn?.turn;
    if (turn !== undefined) await this.#client.interrupt(turn);
  }

  /** Into an answer, or before one. */
  async #loseConnection(): Promise<void> {
    await sleep(this.#random() * LONGEST_MOMENT_MS);
    this.#connections.destroy();
  }

  /** Without what it held, a client of the library is another page of the same person, with an outbox under a new name. */
  async #forget(): Promise<void> {
    if (this.#client instanceof RawParticipant) return this.#client.forget();
    await this.#client.close();
    this.#client = this.#connect();
  }
}

/** Some quote all a reader holds. */
const LONGEST_REASON = 200;

export interface VisitsOptions extends Pick<SoakOptions, "clients" | "seed" | "silences"> {
  keys: readonly SessionKey[];
  answer: (text: string) => string;
}

/** Clients come and go: there are as many places as clients at once, each taken by one visitor after another. */
export function receiveVisitors(stack: Stack, ledger: Ledger, options: VisitsOptions) {
  const { clients, seed, silences, keys, answer } = options;
  /** So far; `connections`: that visitors have made. */
  const count = { visits: 0, connections: 0 };
  const violations: string[] = [];
  const began = performance.now();
  let isOver = false;

  const optionsOf = (plan: VisitPlan, name: string): ParticipantOptions => {
    const key = picked(keys, plan.session);
    const beside = plan.looksElsewhere ? [`${NOBODY}/${name}`] : [];
    const first = Math.floor(plan.edge * stack.edgeUrls.length);
    return {
      name,
      key,
      ref: refOf(key),
      beside,
      edges: [...stack.edgeUrls.slice(first), ...stack.edgeUrls.slice(0, first)],
      token: () => stack.token({ subject: name, shared: [refOf(key), ...beside] }),
      clock: () => performance.now() - began,
      onConnection: () => count.connections++,
      onSent: (event) => ledger.sent(event),
      onDurable: (event) => ledger.durable(event),
    };
  };

  // Holds all a client was shown against SPEC.md. One that left in the middle may have missed what would have healed it.
  const inspect = (client: Talker, isWhole: boolean): void => {
    const found = check({ ...emptyHistory(), readers: [client.record()], answers: answersBy(answer) });
    const meant = found.filter(({ promise }) => promise !== "gap" || isWhole);
    violations.push(...meant.map(({ promise, detail }) => `${promise}: ${detail}`));
    ledger.checkNumbers(client.sent);
  };

  // One visitor after another. The same seed plans the same visits for a place.
  const fill = async (place: number): Promise<void> => {
    const random = randomFrom(seed * 1_000 + place);
    await sleep(random() * 1_000);
    while (!isOver) {
      const plan = planVisit(random, silences);
      const name = `visitor-${++count.visits}`;
      const visitor = new Visitor(plan.kind, optionsOf(plan, name), random);
      await visitor
        .visit(plan, () => isOver)
        .catch((error: unknown) => {
          violations.push(`hang: ${name}: ${String(error).slice(0, LONGEST_REASON)}`);
          return visitor.abandon();
        });
      for (const client of visitor.clients)
        inspect(client, plan.departure === "polite" && client === visitor.clients.at(-1));
      await sleep(plan.thenMs);
    }
  };

  const places = Array.from({ length: clients }, (_, place) => fill(place));
  /** Lets nobody in any more; resolves when all have left. */
  const end = async (): Promise<void> => {
    isOver = true;
    await Promise.all(places);
  };
  return { violations, count, end };
}

/** A session as another subject asks for it (SPEC ids-2). */
export function refOf({ owner, name }: SessionKey): string {
  return `${owner}/${name}`;
}
