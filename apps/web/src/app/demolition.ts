import type { Session } from "@holdfast/client";
import { fetchChildren, killChild, type Child } from "./children.ts";
import { isSettled, killed, see, seeChildren, type Recovery } from "./recovery.ts";
import { sightOf } from "./sight.ts";

const POLL_MS = 400;
/** Text frames an answer has before "mid-sentence" is reached. */
const MID_SENTENCE = 3;
const KEPT = 5;
/** What this page itself comes from: killing it shows nothing. */
const SPARED: ReadonlySet<string> = new Set(["web", "console"]);

export interface DemolitionView {
  /** What the supervisor keeps running. */
  readonly processes: readonly Child[];
  /** Newest first. */
  readonly recoveries: readonly Recovery[];
  /** The process whose kill waits for an answer to be under way. */
  readonly armed: Child | undefined;
  readonly failure: string | undefined;
}

/** Kills processes of the stack on request and watches how one session takes it. */
export class Demolition {
  readonly #session: Session<object>;
  readonly #listeners = new Set<() => void>();
  #view: DemolitionView = { processes: [], recoveries: [], armed: undefined, failure: undefined };
  #watchers = 0;
  #polling = false;
  #looking = false;
  #unsubscribe: (() => void) | undefined;

  constructor(session: Session<object>) {
    this.#session = session;
  }

  readonly get = (): DemolitionView => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#unsubscribe ??= this.#session.subscribe(() => this.#lookSoon());
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  };

  /** Somebody looks at the processes: keeps asking the supervisor for them. Returns the function that ends it. */
  readonly watch = (): (() => void) => {
    this.#watchers++;
    void this.#poll();
    return () => void this.#watchers--;
  };

  /** `midSentence`: waits until an answer streams; asks for one, by `question`, when none does. */
  readonly kill = (child: Child, midSentence: boolean, question: string): void => {
    if (!midSentence) {
      void this.#strike(child);
      return;
    }
    this.#change({ armed: child });
    if (this.#session.get().running === null) this.#session.send(question);
    this.#look();
  };

  /** Once per animation frame: a fast answer changes the session far more often. */
  #lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    requestAnimationFrame(() => {
      this.#looking = false;
      this.#look();
    });
  }

  #look(): void {
    const sight = sightOf(this.#session.get(), performance.now());
    const { armed, recoveries } = this.#view;
    if (!recoveries.every(isSettled)) this.#change({ recoveries: recoveries.map((recovery) => see(recovery, sight)) });
    if (armed === undefined || !sight.running || sight.index < MID_SENTENCE) return;
    this.#change({ armed: undefined });
    void this.#strike(armed);
  }

  async #strike(child: Child): Promise<void> {
    try {
      await killChild(child.name);
    } catch (error) {
      this.#change({ failure: String(error) });
      return;
    }
    const recovery = killed(child, sightOf(this.#session.get(), performance.now()));
    this.#change({ recoveries: [recovery, ...this.#view.recoveries].slice(0, KEPT), failure: undefined });
    void this.#poll();
  }

  /** Goes on while somebody looks or a killed process is not back. A failure may be the kill's doing and ends nothing. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    while (this.#watchers > 0 || (this.#listeners.size > 0 && !this.#view.recoveries.every(isSettled))) {
      await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#polling = false;
  }

  async #ask(): Promise<void> {
    try {
      const processes = (await fetchChildren()).filter(({ name }) => !SPARED.has(name));
      const now = performance.now();
      const recoveries = this.#view.recoveries.map((recovery) => seeChildren(recovery, processes, now));
      this.#change({ processes, recoveries, failure: undefined });
    } catch (error) {
      this.#change({ failure: String(error) });
    }
  }

  #change(change: Partial<DemolitionView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}
