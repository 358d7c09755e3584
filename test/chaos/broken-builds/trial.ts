import type { Snapshot } from "@holdfast/contract";
import type { History, SentEvent } from "../../kit/history.ts";
import { Link } from "../../kit/link.ts";
import { answersIn, modelCallsOf, questionIn } from "../../kit/model-calls.ts";
import { type Participant, type ParticipantOptions, RawParticipant, SdkParticipant } from "../../kit/participant.ts";
import { type Patience, rest } from "../../kit/rest.ts";
import { until } from "../../kit/wait.ts";
import type { Lane } from "./lane.ts";

/** Nothing more happens in a broken session that has been silent this long. */
const BROKEN: Patience = { inAll: 60_000, inSilence: 2_000 };
/** Milliseconds in which this repository's own build shows that it does not do what a broken one does. */
const RESTRAINT_MS = 1_000;

let trials = 0;

/** One session with two clients, for one story on one build. */
export class Trial {
  readonly lane: Lane;
  /** Uses `@holdfast/client`; `two` knows SPEC.md and nothing else. */
  readonly one: Participant;
  readonly two: Participant;
  readonly #isBroken: boolean;
  readonly #name = `trial-${++trials}`;
  readonly #began = performance.now();
  readonly #links = new Map<Participant, Link>();

  private constructor(lane: Lane, isBroken: boolean, [first, second]: [Link, Link]) {
    this.lane = lane;
    this.#isBroken = isBroken;
    this.one = new SdkParticipant(this.#options("one", first));
    this.two = new RawParticipant(this.#options("two", second));
    this.#links.set(this.one, first).set(this.two, second);
  }

  /** Both clients have the session open. */
  static async begin(lane: Lane, isBroken: boolean): Promise<Trial> {
    const trial = new Trial(lane, isBroken, await Promise.all([Link.to(lane.edgeUrl), Link.to(lane.edgeUrl)]));
    await until("both clients read", () => trial.participants.every((each) => each.record().frames.length > 0));
    return trial;
  }

  get participants(): Participant[] {
    return [...this.#links.keys()];
  }

  /** One more client opens the session. */
  async join(name: string): Promise<void> {
    const link = await Link.to(this.lane.edgeUrl);
    const participant = new RawParticipant(this.#options(name, link));
    this.#links.set(participant, link);
    await until(`${name} reads`, () => participant.record().frames.length > 0);
  }

  /** From a client to the edge. */
  linkOf(participant: Participant): Link {
    const link = this.#links.get(participant);
    if (link === undefined) throw new Error(`${participant.name} is not of this trial.`);
    return link;
  }

  /** `how` the model answers: see `parseScript`. */
  say(participant: Participant, words: string, how = "tokens=20,slow=5ms"): SentEvent {
    return participant.say(`${this.#name}: ${words} faults:distinct,${how}`);
  }

  /** What `participant` holds, until it is as wanted. */
  async shows(participant: Participant, what: string, wanted: (held: Snapshot) => boolean): Promise<void> {
    await until(`${participant.name} shows ${what}`, () => wanted(participant.view()));
  }

  /** What a broken build does, sooner or later, and this repository's does not. */
  async misdeed(what: string, done: () => boolean): Promise<void> {
    if (this.#isBroken) return void (await until(what, done));
    const seen = await until(what, done, RESTRAINT_MS).then(
      () => true,
      () => false,
    );
    if (seen) throw new Error(`This repository's own build does it: ${what}.`);
  }

  /** Everything that happened, once it has come to rest. */
  async history(): Promise<History> {
    const { participants } = this;
    const { stack, model } = this.lane;
    const rested = await rest(participants, stack.temporalAddress, ...(this.#isBroken ? [BROKEN] : []));
    const modelCalls = modelCallsOf(model.calls).filter(({ messages }) =>
      questionIn(messages).startsWith(`${this.#name}: `),
    );
    return {
      sent: participants.flatMap(({ sent }) => sent),
      transcripts: rested.transcripts,
      hangs: rested.hangs,
      interrupts: [],
      readers: participants.map((participant) => participant.record()),
      modelCalls,
      answers: answersIn(modelCalls),
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.participants.map((each) => each.close()));
    await Promise.allSettled([...this.#links.values()].map((link) => link.close()));
  }

  #options(name: string, link: Link): ParticipantOptions {
    const { stack } = this.lane;
    return {
      name: `${this.#name}-${name}`,
      key: { tenant: "acme", owner: this.#name, name: "talk" },
      edges: [link.url],
      token: () => stack.token({ subject: this.#name }),
      clock: () => Math.round(performance.now() - this.#began),
    };
  }
}
