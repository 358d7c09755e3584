import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "@holdfast/stack/stack";
import type { SentEvent } from "../chaos/history.ts";
import type { Participant, ParticipantPlan } from "../chaos/participant.ts";
import { RawParticipant } from "../chaos/raw-participant.ts";
import { OutageClient } from "./outage-client.ts";

/** Milliseconds between two things one client says: at least, and at random on top. */
const PAUSE_MS = { least: 1_400, random: 1_200 };

/** The clients of one run. Every session has two, at different edges; of every second session one knows only SPEC.md. */
export class OutageCrowd {
  readonly clock: () => number;
  readonly #stack: Stack;
  readonly #members: Participant[] = [];
  #talking = new AbortController();
  #talks: Promise<void>[] = [];

  constructor(stack: Stack, clock: () => number) {
    this.#stack = stack;
    this.clock = clock;
  }

  get members(): readonly Participant[] {
    return this.#members;
  }

  /** Those that use `@holdfast/client`. */
  get applications(): OutageClient[] {
    return this.#members.filter((member) => member instanceof OutageClient);
  }

  get sent(): SentEvent[] {
    return this.#members.flatMap(({ sent }) => sent);
  }

  /** One more session with both its clients, which begin to talk. */
  join(subject: string, isRawToo: boolean): void {
    const first = new OutageClient(this.plan(subject, "a", 0));
    const second = isRawToo
      ? new RawParticipant(this.plan(subject, "b", 1))
      : new OutageClient(this.plan(subject, "b", 1));
    this.#members.push(first, second);
    for (const member of [first, second]) this.#talks.push(this.#talk(member, this.#talking.signal));
  }

  /** A client of its own: the crowd does not talk through it. */
  plan(subject: string, tab: string, edge: number): ParticipantPlan {
    const urls = this.#stack.edgeUrls;
    return {
      name: `${subject}-${tab}`,
      key: { tenant: "acme", owner: subject, name: "talk" },
      edges: [...urls.slice(edge), ...urls.slice(0, edge)],
      token: () => this.#stack.token({ subject }),
      clock: this.clock,
    };
  }

  async fallSilent(): Promise<void> {
    this.#talking.abort();
    await Promise.all(this.#talks);
  }

  async leave(): Promise<void> {
    await this.fallSilent();
    await Promise.allSettled(this.#members.map((member) => member.close()));
  }

  async #talk(member: Participant, silence: AbortSignal): Promise<void> {
    for (let said = 1; !silence.aborted; said++) {
      member.say(`${member.name} says ${said}`);
      if (said % 3 === 0) member.observe("looks");
      const pause = PAUSE_MS.least + Math.random() * PAUSE_MS.random;
      await sleep(pause, undefined, { signal: silence }).catch(() => undefined);
    }
  }
}
