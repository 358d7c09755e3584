import type { Snapshot } from "@holdfast/contract";
import { answersIn, modelCallsOf } from "../answers.ts";
import { Cable } from "../cables.ts";
import type { History, SentEvent } from "../history.ts";
import type { Participant, ParticipantPlan } from "../participant.ts";
import { questionIn } from "../prompt.ts";
import { RawParticipant } from "../raw-participant.ts";
import { rest, type Patience } from "../rest.ts";
import { SdkParticipant } from "../sdk-participant.ts";
import type { Booth } from "./booth.ts";
import { until } from "./until.ts";

/** Nothing more happens in a broken session that has been silent this long. */
const BROKEN: Patience = { inAll: 60_000, inSilence: 2_000 };
/** Milliseconds in which this repository's own build shows that it does not do what a broken one does. */
const RESTRAINT_MS = 1_000;

let trials = 0;

/** One session with two clients, for one story on one build. */
export class Trial {
  readonly booth: Booth;
  /** Uses `@holdfast/client`; `two` knows SPEC.md and nothing else. */
  readonly one: Participant;
  readonly two: Participant;
  readonly #isBroken: boolean;
  readonly #name = `trial-${++trials}`;
  readonly #began = performance.now();
  readonly #cables = new Map<Participant, Cable>();

  private constructor(booth: Booth, isBroken: boolean, [first, second]: [Cable, Cable]) {
    this.booth = booth;
    this.#isBroken = isBroken;
    this.one = new SdkParticipant(this.#plan("one", first));
    this.two = new RawParticipant(this.#plan("two", second));
    this.#cables.set(this.one, first).set(this.two, second);
  }

  /** Both clients have the session open. */
  static async begin(booth: Booth, isBroken: boolean): Promise<Trial> {
    const trial = new Trial(booth, isBroken, await Promise.all([Cable.to(booth.edgeUrl), Cable.to(booth.edgeUrl)]));
    await until("both clients read", () => trial.participants.every((each) => each.record().frames.length > 0));
    return trial;
  }

  get participants(): Participant[] {
    return [...this.#cables.keys()];
  }

  /** One more client opens the session. */
  async join(name: string): Promise<void> {
    const cable = await Cable.to(this.booth.edgeUrl);
    const participant = new RawParticipant(this.#plan(name, cable));
    this.#cables.set(participant, cable);
    await until(`${name} reads`, () => participant.record().frames.length > 0);
  }

  /** From a client to the edge. */
  cableOf(participant: Participant): Cable {
    const cable = this.#cables.get(participant);
    if (cable === undefined) throw new Error(`${participant.name} is not of this trial.`);
    return cable;
  }

  /** `how` the model answers: see `parseScript`. */
  say(participant: Participant, words: string, how = "tokens=20,slow=5ms"): SentEvent {
    participant.say(`${this.#name}: ${words} faults:distinct,${how}`);
    const said = participant.sent.at(-1);
    if (said === undefined) throw new Error("What was said is not among what was sent.");
    return said;
  }

  /** What `participant` holds, until it is as wanted. */
  async shows(participant: Participant, what: string, wanted: (held: Snapshot) => boolean): Promise<void> {
    await until(`${participant.name} shows ${what}`, () => wanted(participant.record().final));
  }

  /** What a broken build does, sooner or later, and this repository's does not. */
  async misdeed(what: string, done: () => boolean): Promise<void> {
    if (this.#isBroken) return until(what, done);
    const seen = await until(what, done, RESTRAINT_MS).then(
      () => true,
      () => false,
    );
    if (seen) throw new Error(`This repository's own build does it: ${what}.`);
  }

  /** Everything that happened, once it has come to rest. */
  async history(): Promise<History> {
    const { participants } = this;
    const { stack, model } = this.booth;
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
    await Promise.allSettled([...this.#cables.values()].map((cable) => cable.close()));
  }

  #plan(name: string, cable: Cable): ParticipantPlan {
    const { stack } = this.booth;
    return {
      name: `${this.#name}-${name}`,
      key: { tenant: "acme", owner: this.#name, name: "talk" },
      edges: [cable.url],
      token: () => stack.token({ subject: this.#name }),
      clock: () => Math.round(performance.now() - this.#began),
    };
  }
}
